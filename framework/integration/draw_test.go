//go:build integration

package integration_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// drawer generates random letters.
type drawer struct {
	*rand.Rand
	kind
	old   bool   // without what old protocols have not
	edges bool   // new fields above and below the others alone
	over  string // the network, for the names of letters
}

func (d drawer) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d drawer, list ...T) T { return list[d.IntN(len(list))] }

func (d drawer) letter(id string) *letter {
	l := &letter{id: id, rcpts: []string{id + "@example.test"}}
	for range d.IntN(4) {
		l.rcpts = append(l.rcpts, fmt.Sprintf("r%d.%s@example.test", len(l.rcpts), id))
	}
	for range d.fields() {
		name := d.name()
		l.fields = append(l.fields, field{name, d.raw(name)})
	}
	l.body = d.body()
	for range 1 + d.IntN(8) {
		l.orders = append(l.orders, d.order(l))
	}
	if d.chance(30) && !d.blind {
		l.early = d.IntN(len(l.orders) + 1)
		l.dropLateErrors()
	}
	if d.two {
		l.next = l.behind(nil)
		for range 1 + d.IntN(6) {
			l.next.orders = append(l.next.orders, d.order(l.next))
		}
	}
	return l
}

// dropLateErrors drops the early changes of fields that were deleted before. The
// framework may learn only at the end of the message that they are wrong, and
// the filter then fails.
func (l *letter) dropLateErrors() {
	var early []order
	for i, o := range l.orders[:l.early] {
		if !l.deletedBefore(i) {
			early = append(early, o)
		}
	}
	l.orders = slices.Concat(early, l.orders[l.early:])
	l.early = len(early)
}

func (d drawer) name() string {
	return pick(d, "A", "A", "a", "B", "X-One", "X-ONE", "X-Two", "Subject", "Received", "Date", "From", "To",
		"Message-Id", "Authentication-Results", "x!#$%&'*+-/=?^_`{|}~")
}

// fields returns a random number of fields.
func (d drawer) fields() int { return d.IntN(9) }

// raw returns a random text for after the colon of a field.
func (d drawer) raw(name string) string {
	if d.two { // what the first filter changes, the second may change back
		return " " + d.value(name)
	}
	return pick(d, " ", " ", " ", " ", "", "  ", "\t", " \t") + d.value(name)
}

// value returns a random value. Sendmail rewrites values that it takes for
// addresses, and omits an empty field for which it has a default: see
// protocol.md.
func (d drawer) value(name string) string {
	switch name {
	case "From", "To":
		return pick(d, "ann", "bob") + "@example.test"
	case "Date", "Message-Id":
		return "<" + strings.Repeat("1", 1+d.IntN(80)) + "@example.test>"
	}
	switch d.IntN(10) {
	case 0:
		return ""
	case 1:
		return "one\n\ttwo\n  three"
	case 2:
		return "spaces  and\ttabs  within"
	case 3:
		return pick(d, "größe", "日本語", "\xe4\xf6\xfc", "caf\xe9 \u200b")
	case 4:
		return strings.Repeat("long ", 100+d.IntN(100)) + "x"
	case 5:
		return "100% %s $x \\ \"quoted\" <angle@example.test> (comment; x)"
	default:
		return fmt.Sprintf("value-%d", d.IntN(5))
	}
}

func (d drawer) body() string {
	var b strings.Builder
	for range d.IntN(5) {
		b.WriteString(pick(d, "", ".", "..", "From here", "text", "gr\xfc\xdfe", strings.Repeat("wide ", 300), "x\x00y") + "\r\n")
	}
	if d.chance(5) {
		b.WriteString(strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 1024+d.IntN(2048)))
	}
	return b.String()
}

// newBody returns a random new body. Its lines may end with LF, and its last
// line may lack a line end.
func (d drawer) newBody() string {
	body := d.body()
	if d.chance(40) {
		body = strings.ReplaceAll(body, "\r\n", "\n")
	}
	if d.chance(30) {
		body += "no end"
	}
	return strings.ReplaceAll(body, "text", "TEXT")
}

func (d drawer) order(l *letter) order {
	switch n := d.IntN(100); {
	case n < 16:
		name := d.name()
		return order{op: opAppend, name: name, value: d.value(name)}
	case n < 40:
		return d.insertion(l)
	case n < 70 && len(l.fields) > 0:
		return d.edit(l)
	case n < 76:
		return d.sender(l)
	case n < 86:
		return d.rcpt(l)
	case n < 95:
		return order{op: pick(d, opBody, opBodyReader), value: d.newBody()}
	case n < 96 && !d.old:
		return order{op: opQuarantine, value: "held by " + l.id}
	default:
		return order{op: opAppend, name: "X-Id", value: l.id}
	}
}

func (d drawer) insertion(l *letter) order {
	name := d.name()
	o := order{op: pick(d, opInsert, opInsert, opTop, opAbove, opBelow, opBelow), name: name, value: d.value(name)}
	switch {
	case o.op == opInsert:
		o.above = d.place(l)
	case o.op == opTop:
	case d.edges || len(l.fields) == 0:
		o.op = opTop
	default:
		o.at, o.by = d.IntN(len(l.fields)), pick(d, byHandle, byList, byNumber)
	}
	return o
}

// place returns a random position for an insertion, mostly above, between or
// below the fields.
func (d drawer) place(l *letter) int {
	switch {
	case d.chance(20):
		return -1
	case d.edges:
		return pick(d, 0, 100)
	default:
		return d.IntN(len(l.fields) + 3)
	}
}

func (d drawer) edit(l *letter) order {
	o := order{op: pick(d, opChange, opDelete, opRename), at: d.IntN(len(l.fields)), by: pick(d, byHandle, byList, byNumber)}
	if d.edges && o.op == opRename {
		o.op = opDelete
	}
	switch o.op {
	case opChange:
		o.value = cmp.Or(d.value(l.fields[o.at].name), "changed")
		if d.chance(10) && shown(l.fields[o.at].raw) != "" {
			o.value = shown(l.fields[o.at].raw)
		}
	case opRename: // to a name under which Sendmail leaves any value alone
		o.name = pick(d, "A", "a", "B", "X-One", "X-Old", "Subject", "Received", "Authentication-Results")
	}
	return o
}

func (d drawer) sender(l *letter) order {
	o := order{op: opSender, value: pick(d, "", "new."+l.id+"@example.org", l.id+"@example.org")}
	if d.old {
		return order{op: opAppend, name: "X-Id", value: l.id}
	}
	if d.chance(50) {
		o.args = pick(d, []string{"RET=HDRS"}, []string{"ENVID=abc"}, []string{"RET=FULL", "ENVID=" + l.id})
	}
	return o
}

// rcpt never removes the first recipient, by which the delivered letter is
// found. A recipient that is added again has the same arguments.
func (d drawer) rcpt(l *letter) order {
	n := d.IntN(3)
	fresh := order{op: opAddRcpt, value: fmt.Sprintf("new%d.%s@example.test", n, l.id)}
	if n > 0 && !d.old {
		fresh.args = []string{"NOTIFY=" + []string{"", "NEVER", "SUCCESS,FAILURE"}[n]}
	}
	switch {
	case d.chance(40) && len(l.rcpts) > 1:
		return order{op: opDelRcpt, value: pick(d, l.rcpts[1:]...)}
	case d.chance(20):
		return order{op: opDelRcpt, value: fresh.value}
	case d.chance(20):
		return order{op: opAddRcpt, value: pick(d, l.rcpts...)}
	}
	return fresh
}
