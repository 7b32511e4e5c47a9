package replay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Kind is a kind of difference.
type Kind string

// The kinds.
const (
	KindVerdict    Kind = "verdict"    // another verdict, or a refusal at another stage
	KindReply      Kind = "reply"      // the same verdict with another reply
	KindRefused    Kind = "refused"    // other recipients were refused, or with other replies
	KindHeader     Kind = "header"     // another header is delivered
	KindBody       Kind = "body"       // another body is delivered
	KindSender     Kind = "sender"     // another envelope sender
	KindRecipients Kind = "recipients" // other envelope recipients
	KindQuarantine Kind = "quarantine" // the same verdict with another reason
	KindFailure    Kind = "failure"    // the filter failed
)

// Kinds returns all kinds, in the order of reports.
func Kinds() []Kind {
	return []Kind{KindFailure, KindVerdict, KindReply, KindRefused, KindHeader, KindBody, KindSender, KindRecipients, KindQuarantine}
}

// Difference is one way in which the new filter treats a message differently.
type Difference struct {
	Kind Kind `json:"kind"`
	// Recorded and Now are the two sides as text. For fields of the header they are those
	// that only one side has, one on each line.
	Recorded string `json:"recorded"`
	Now      string `json:"now"`
}

// comparison compares two treatments of a message.
type comparison struct {
	cfg     *Config
	was, is *Treatment
	base    *message // nil for a session without a message
	// hasSender and hasRcpts report whether the record has the envelope.
	hasSender, hasRcpts bool

	list []Difference
}

// add adds a difference, unless the two sides are the same. Both are shown shortened, so that
// sides that differ may look alike.
func (c *comparison) add(kind Kind, recorded, now string) {
	if recorded != now {
		c.differs(kind, []string{recorded}, []string{now})
	}
}

// addLists is like add for sides of several lines.
func (c *comparison) addLists(kind Kind, recorded, now []string) {
	if !slices.Equal(recorded, now) {
		c.differs(kind, recorded, now)
	}
}

// addOnly is like addLists, and shows the lines that only one side has.
func (c *comparison) addOnly(kind Kind, recorded, now []string) {
	if !slices.Equal(recorded, now) {
		recorded, now = onlyIn(recorded, now)
		c.differs(kind, recorded, now)
	}
}

func (c *comparison) differs(kind Kind, recorded, now []string) {
	c.list = append(c.list, Difference{kind, strings.Join(few(recorded), "\n"), strings.Join(few(now), "\n")})
}

func (c *comparison) compare() []Difference {
	if c.is.Verdict == Failed {
		c.add(KindFailure, c.was.title(), "the filter failed: "+c.is.Error)
		return c.list
	}
	c.add(KindVerdict, c.was.title(), c.is.title())
	if len(c.list) == 0 {
		c.add(KindReply, c.reply(c.was.Reply), c.reply(c.is.Reply))
		c.add(KindQuarantine, c.was.Reason, c.is.Reason)
	}
	c.addLists(KindReply, c.was.others, c.is.others)
	c.addLists(KindRefused, c.refused(c.was), c.refused(c.is))
	if c.was.edited != nil && c.is.edited != nil {
		c.delivered()
	}
	return c.list
}

// title returns the verdict and, if it refuses, the stage.
func (t *Treatment) title() string {
	if t.Stage == "" {
		return string(t.Verdict)
	}
	return fmt.Sprintf("%s at %s", t.Verdict, t.Stage)
}

// reply returns a reply as it is compared.
func (c *comparison) reply(text string) string {
	if c.cfg.Replies != nil && text != "" {
		text = c.cfg.Replies(text)
	}
	return text
}

func (c *comparison) refused(t *Treatment) (list []string) {
	for _, r := range t.Refused {
		list = append(list, r.Recipient+" "+c.reply(r.Reply))
	}
	slices.Sort(list)
	return list
}

// delivered compares the delivered messages.
func (c *comparison) delivered() {
	c.header()
	c.body()
	was, is := c.was.edited, c.is.edited
	if c.hasSender {
		c.add(KindSender, path(was.Sender.Addr, was.Sender.Args), path(is.Sender.Addr, is.Sender.Args))
	} else {
		c.addLists(KindSender, of(c.was.mods, isSenderEdit), of(c.is.mods, isSenderEdit))
	}
	if !c.hasRcpts {
		c.addLists(KindRecipients, of(c.was.mods, isRcptEdit), of(c.is.mods, isRcptEdit))
		return
	}
	c.addLists(KindRecipients, recipients(was), recipients(is))
}

// header compares the headers field by field. If the record does not have the header, it
// compares the modifications.
func (c *comparison) header() {
	if c.base == nil || !c.base.hasHeader {
		c.addOnly(KindHeader, c.fieldEdits(c.was), c.fieldEdits(c.is))
		return
	}
	c.addOnly(KindHeader, c.fields(c.was.edited), c.fields(c.is.edited))
}

// fields returns the fields as they are compared.
func (c *comparison) fields(m *mta.Message) []string {
	list := make([]string, 0, len(m.Header))
	for _, f := range m.Header {
		if f, ok := c.field(f); ok {
			list = append(list, f.Name+":"+f.Value)
		}
	}
	return list
}

// body compares the bodies. If the record does not have the body, it compares the new ones.
func (c *comparison) body() {
	was, is := c.was.edited.Body, c.is.edited.Body
	if c.base == nil || !c.base.hasBody {
		replacedThen, replacedNow := replaces(c.was.mods), replaces(c.is.mods)
		if replacedThen != replacedNow {
			c.add(KindBody, describeNew(replacedThen, was), describeNew(replacedNow, is))
			return
		}
		if !replacedThen {
			return
		}
	}
	if bytes.Equal(was, is) {
		return
	}
	at := 0
	for at < len(was) && at < len(is) && was[at] == is[at] {
		at++
	}
	at = bytes.LastIndexByte(was[:at], '\n') + 1 // the begin of the line
	line := bytes.Count(was[:at], []byte("\n")) + 1
	c.differs(KindBody, []string{bodyLine(was, at, line)}, []string{bodyLine(is, at, line)})
}

func bodyLine(body []byte, at, line int) string {
	text, _, _ := bytes.Cut(body[at:], []byte("\r\n"))
	return fmt.Sprintf("%d bytes, line %d: %s", len(body), line, text)
}

func replaces(mods []wire.Reply) bool {
	return slices.ContainsFunc(mods, func(m wire.Reply) bool { return m.ReplyCode() == wire.RepReplBody })
}

func describeNew(replaced bool, body []byte) string {
	if !replaced {
		return "as it came"
	}
	return fmt.Sprintf("a new body of %d bytes", len(body))
}

// path returns an address with its arguments. MTAs ignore the angle brackets.
func path(addr string, args []string) string {
	return strings.Join(append([]string{"<" + bare(addr) + ">"}, args...), " ")
}

// recipients returns the recipients sorted, because their order has no effect.
func recipients(m *mta.Message) (list []string) {
	for _, r := range m.Recipients {
		list = append(list, path(r.Addr, r.Args))
	}
	slices.Sort(list)
	return list
}

// of returns the modifications of a kind as text.
func of(mods []wire.Reply, kind func(wire.Reply) bool) (list []string) {
	for _, m := range mods {
		if kind(m) {
			list = append(list, m.String())
		}
	}
	return list
}

// fieldEdits returns the modifications of the header as they are compared.
func (c *comparison) fieldEdits(t *Treatment) (list []string) {
	for _, m := range t.mods {
		var f mta.Field
		var what string
		switch m := m.(type) {
		case *wire.AddHeader:
			f, what = mta.Field{Name: m.Name, Value: m.Value}, "add"
		case *wire.InsertHeader:
			f, what = mta.Field{Name: m.Name, Value: m.Value}, t.place(m.Index)
		case *wire.ChangeHeader:
			f, what = mta.Field{Name: m.Name, Value: m.Value}, fmt.Sprintf("change number %d of", m.Index)
		default:
			continue
		}
		if f, ok := c.field(f); ok {
			list = append(list, what+" "+f.Name+":"+t.space+f.Value)
		}
	}
	return list
}

// beyondEnd is an index that no header reaches, so that an insertion there adds a field at the
// end.
const beyondEnd = 100_000

// place says where an insertion puts a field. Sendmail keeps seven fields below its own
// Received, so its indexes from 1 to 8 are the same place: see [mta.Apply].
func (t *Treatment) place(index uint32) string {
	switch {
	case index >= beyondEnd:
		return "add"
	case t.as.Flavor == mta.Sendmail && index >= 1 && index <= 8:
		index = 1
	}
	return fmt.Sprintf("insert below %d fields", index)
}

// field returns a field as it is compared, or false if it is not.
func (c *comparison) field(f mta.Field) (mta.Field, bool) {
	if c.cfg.Fields == nil {
		return f, true
	}
	return c.cfg.Fields(f)
}

func isSenderEdit(m wire.Reply) bool { return m.ReplyCode() == wire.RepChgFrom }

func isRcptEdit(m wire.Reply) bool {
	code := m.ReplyCode()
	return code == wire.RepAddRcpt || code == wire.RepAddRcptPar || code == wire.RepDelRcpt
}

// maxLines is the number of lines of one side that a difference shows.
const maxLines = 30

// onlyIn returns the lines that only one of two lists has, in their order. If the lists have
// the same lines in another order, it returns the lines that moved.
func onlyIn(a, b []string) (onlyA, onlyB []string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	onlyA, onlyB = missingIn(a, b), missingIn(b, a)
	if len(onlyA)+len(onlyB) == 0 {
		onlyA, onlyB = a, b // moved
	}
	return onlyA, onlyB
}

// missingIn returns the lines of a that b does not have, or has less often.
func missingIn(a, b []string) (list []string) {
	count := make(map[string]int, len(b))
	for _, line := range b {
		count[line]++
	}
	for _, line := range a {
		if count[line]--; count[line] < 0 {
			list = append(list, line)
		}
	}
	return list
}

// few returns the first lines, shortened, as a terminal can show them.
func few(list []string) (out []string) {
	for i, line := range list {
		if i == maxLines {
			return append(out, fmt.Sprintf("and %d more", len(list)-i))
		}
		out = append(out, shown(line))
	}
	return out
}
