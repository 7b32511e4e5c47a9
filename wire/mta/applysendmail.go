package mta

import "slices"

// storedFields returns the fields that Sendmail's usual configuration keeps
// below its own Received field. Sendmail sends one of them if the message lacks
// it. The index of an insertion counts all of them.
func storedFields() []line {
	var out []line
	for _, name := range []string{
		"Resent-Date", "Date", "Resent-From", "From", "Full-Name", "Resent-Message-Id", "Message-Id",
	} {
		out = append(out, line{Field: Field{Name: name}, unsent: true})
	}
	return out
}

// addNearName adds a field as Sendmail does. If Sendmail keeps a field of that
// name, the new one replaces it. Otherwise the new field goes above the first
// one of that name, or to the end. Sendmail sends the Full-Name and Resent
// fields that it keeps only under conditions that an ordinary message does not
// meet. A value that replaces one of these is therefore lost.
func (e *editor) addNearName(name, value string) {
	named := func(l line) bool { return sameName(l.Name, name) }
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
