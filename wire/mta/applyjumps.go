package mta

// maxJumps is the number of backward jumps that Postfix accepts in a queue
// file.
const maxJumps = 10_000

// jumps counts the backward jumps of one message: those written to its queue
// file, and those read while Postfix searched for the fields to edit.
type jumps struct{ written, read int }

// jump records that the field at a position was inserted or changed. Postfix
// writes the field to the end of the queue file, with a jump to it and a jump
// back. Before that, it reads the file from the top to find the position.
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

// tooMany reports whether Postfix gives up the message, either at its end or at
// delivery.
func (e *editor) tooMany() bool { return e.jumps.written > maxJumps || e.jumps.read > maxJumps }
