package mta

import (
	"slices"
	"strings"
)

// inStore returns the fields that Sendmail's usual configuration keeps below
// its own Received, to be sent when the message has none such. They have
// their places in the list that an insertion counts in.
func inStore() []line {
	var out []line
	for _, name := range []string{
		"Resent-Date", "Date", "Resent-From", "From", "Full-Name", "Resent-Message-Id", "Message-Id",
	} {
		out = append(out, line{Field: Field{Name: name}, unsent: true})
	}
	return out
}

// addNearName adds a field as Sendmail does: in the place of the field of that
// name that it has in store, or above the first of that name, or at the end.
// In store, Full-Name and the Resent fields come with conditions that an
// ordinary message does not meet, and what is put there is never seen again.
func (e *editor) addNearName(name, value string) {
	named := func(l line) bool { return strings.EqualFold(l.Name, name) }
	stored := slices.IndexFunc(e.lines, func(l line) bool { return l.unsent && named(l) })
	if stored >= 0 {
		conditional := !slices.Contains([]string{"Date", "From", "Message-Id"}, e.lines[stored].Name)
		e.lines[stored].Value, e.lines[stored].unsent = e.space+value, conditional
		return
	}
	at := slices.IndexFunc(e.lines, named)
	if at < 0 {
		at = len(e.lines)
	}
	e.lines = slices.Insert(e.lines, at, e.field(name, value))
}
