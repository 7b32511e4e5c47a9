package mta

// maxJumps is how many jumps backwards Postfix takes in a queue file.
const maxJumps = 10_000

// jumps are those of a message: in its queue file, and those that were read on
// the way to the fields that were edited.
type jumps struct{ written, read int }

// jump notes that the field at a place was inserted or changed. Postfix writes it
// to the end of the queue file, with a jump there and back, and has read the file
// from the top to find the place.
func (e *editor) jump(at int) {
	if !e.quirks.Has(ManyEditsLost) {
		return
	}
	for _, l := range e.lines[:at] {
		if l.jumped {
			e.jumps.read++
		}
	}
	e.lines[at].jumped = true
	e.jumps.written++
}

// tooMany reports whether Postfix gives the message up, at its end or when it is
// to be delivered.
func (e *editor) tooMany() bool { return e.jumps.written > maxJumps || e.jumps.read > maxJumps }
