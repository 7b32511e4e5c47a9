package headers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// Join makes one field of several with a name that RFC 5322 allows once: the topmost one
// gets the addresses of all, in their order, and the others are deleted. A message whose
// fields cannot be joined stays as it is: if one is so malformed that the joined field
// would not have the same addresses, or if the value becomes longer than the protocol
// allows.
type Join struct {
	// Name is To, Cc, Bcc or Reply-To. From and Sender cannot be joined: two of
	// them are two claims who wrote the message.
	Name string
}

func (j Join) compile(c *compiler) step {
	c.needs.change = true
	id := c.wantField("Name", j.Name)
	if !slices.ContainsFunc([]string{"To", "Cc", "Bcc", "Reply-To"}, func(name string) bool { return strings.EqualFold(name, j.Name) }) {
		c.fail("Name", fmt.Errorf("%.60q cannot be joined; want To, Cc, Bcc or Reply-To", j.Name))
	}
	return func(r *run) (framework.Verdict, error) {
		list := r.indexes(id)
		if len(list) < 2 {
			return framework.Continue, nil
		}
		switch value, ok := r.joined(list); {
		case !ok:
			r.unjoined.count(r.rule, j.Name, 0)
		case len(value) > maxValue:
			r.tooLong.count(r.rule, j.Name, len(value))
		default:
			r.fields[list[0]].value = value
			for _, i := range list[1:] {
				r.delete(i)
			}
		}
		return framework.Continue, nil
	}
}

// joined returns the value of one field with the addresses of all fields of a list. It
// reports false if such a value does not have the same addresses.
func (r *run) joined(list []int) (value string, ok bool) {
	var parts []string
	var before []message.Address
	for _, i := range list {
		text := message.Unfold(r.fields[i].value)
		part := strings.Trim(text, " \t,")
		if part == "" {
			continue
		}
		addresses, err := message.ParseAddressList(text, message.Tolerant)
		if err != nil || hasBreak(r.fields[i].value) {
			return "", false
		}
		before = append(before, addresses...)
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return r.fields[list[0]].value, true // a field cannot be made empty
	}
	value = joinLines(r.fields[list[0]].name, parts)
	after, err := message.ParseAddressList(value, message.Tolerant)
	return value, err == nil && slices.Equal(before, after)
}

// joinLines joins parts of a value with commas. It folds the value between the parts, and
// within them only if a line would still be too long.
func joinLines(name string, parts []string) string {
	var b strings.Builder
	width := len(name) + len(":")
	for i, part := range parts {
		switch {
		case i > 0 && width+len(", ")+len(part) > softLine:
			b.WriteString(",\n ")
			width = 0
		case i > 0:
			b.WriteString(", ")
			width += len(", ")
		}
		b.WriteString(part)
		width += len(" ") + len(part)
	}
	return foldLong(name, b.String())
}
