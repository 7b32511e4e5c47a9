package headers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Part holds if the message has a part of which everything holds that is set here. The
// message itself is a part, and so are all parts in it, at any depth, also those of
// attached messages.
//
// The filter looks at the parts while the body arrives, and does not keep the body. It
// sees the parts as the filters before it left them; the rules of this filter do not
// change them.
type Part struct {
	// Name is a pattern for the file name of the part. A part often has several:
	// mail programs write the name twice, and readers decode it in different
	// ways. It is enough if one of them matches. The documentation of package
	// framework/message/parts says which names count. The names of uuencoded
	// files in a text are names of the text. Templates see the groups of the
	// first name that matches.
	Name string
	// Type lists media types, such as application/zip, and families of them, such
	// as video/*. Case does not matter. A part without a valid Content-Type is
	// text/plain.
	Type []string
	// Disposition is the disposition, such as attachment or inline. Case does not
	// matter.
	Disposition string
	// Over is an exclusive limit in bytes: the content of the part, as it is
	// encoded in the message, must be larger.
	Over int64
}

// UnreadableParts holds if mail readers may see other parts in the message than the
// filter, or other names: because the message is malformed in one of the ways that the
// constant Unreadable of package framework/message/parts contains, or is beyond the
// limits of that package. Rules with [Part] cannot judge such a message.
//
// Bounces are often unreadable, because they contain a message that was cut or is in base64.
// To refuse, add a condition that excepts the null sender.
type UnreadableParts struct{}

func (p Part) compile(c *compiler) test {
	c.needs.wantParts()
	if p.Name == "" && len(p.Type) == 0 && p.Disposition == "" && p.Over == 0 {
		c.fail("", errors.New("want Name, Type, Disposition or Over"))
	}
	if p.Over < 0 {
		c.fail("Over", fmt.Errorf("%d bytes are no limit; want 0 or more", p.Over))
	}
	if p.Disposition != "" && !isTokenText(p.Disposition) {
		c.fail("Disposition", fmt.Errorf("%q is not a disposition; want one word, such as attachment or inline", p.Disposition))
	}
	kinds := c.mediaTypes(p.Type)
	re, keep, disposition := c.pattern("Name", p.Name), c.keep, lower(p.Disposition)
	return func(r *run) bool {
		for i := range r.parts.list {
			part := &r.parts.list[i]
			if part.size <= p.Over && p.Over > 0 || len(kinds) > 0 && !kinds.has(part.kind) ||
				disposition != "" && part.disposition != disposition {
				continue
			}
			if re == nil || slices.ContainsFunc(part.names, func(name string) bool { return r.matches(re, name, keep) }) {
				return true
			}
		}
		return false
	}
}

func (UnreadableParts) compile(c *compiler) test {
	c.needs.wantParts()
	return func(r *run) bool { return r.parts.unreadable() }
}

// kindSet contains media types in lower case, such as image/png, and families, such as
// image/.
type kindSet map[string]bool

func (c *compiler) mediaTypes(list []string) kindSet {
	set := make(kindSet, len(list))
	for i, text := range list {
		main, sub, _ := strings.Cut(lower(text), "/")
		switch {
		case isTokenText(main) && sub == "*" && main != "*":
			set[main+"/"] = true
		case isTokenText(main) && isTokenText(sub) && !strings.Contains(main+sub, "*"):
			set[main+"/"+sub] = true
		default:
			c.failItem("Type", i, fmt.Errorf("%q is not a media type; want one such as application/zip, or a family such as video/*", text))
		}
	}
	return set
}

func (set kindSet) has(kind string) bool {
	return set[kind] || set[kind[:strings.IndexByte(kind, '/')+1]]
}

// isTokenText reports whether text is a token of RFC 2045 section 5.1.
func isTokenText(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r)
	})
}

// partForms returns the decoding functions for conditions on parts, by key.
func partForms() map[string]func(*decoder, *yaml.Node) (Condition, place) {
	return map[string]func(*decoder, *yaml.Node) (Condition, place){
		"part": func(d *decoder, n *yaml.Node) (Condition, place) {
			var p Part
			at := d.mapping(n, map[string]decodeFunc{
				"name": d.text(&p.Name), "type": d.texts(&p.Type),
				"disposition": d.text(&p.Disposition), "over": d.integer64(&p.Over),
			})
			return p, at
		},
		"unreadable_parts": func(d *decoder, n *yaml.Node) (Condition, place) {
			var yes bool
			if d.boolean(&yes)(n); !yes {
				return Not{UnreadableParts{}}, d.place(n)
			}
			return UnreadableParts{}, d.place(n)
		},
	}
}
