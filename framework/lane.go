package framework

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/internal/ledger"
)

// lanes are the mounted filters in one session, in their order.
type lanes struct {
	all     []laneState
	running *laneState  // whose handlers run, or nil
	dryRun  atomic.Bool // the handler that runs is in a dry run by Route.DryRun
}

// beginMessage prepares the lanes for a message.
func (l *lanes) beginMessage() {
	for i := range l.all {
		lane := &l.all[i]
		lane.done, lane.notified, lane.skipped, lane.lastVerdict = lane.detached, lane.detached, 0, Continue
		lane.exceeded, lane.leftOut = 0, lane.leftOut && lane.detached
		lane.record.beginMessage()
	}
}

// endMessage drops the state that belongs to the message.
func (l *lanes) endMessage() {
	for i := range l.all {
		l.all[i].dropEdits()
		l.all[i].done = l.all[i].detached
		l.all[i].record.endMessage()
	}
}

// beginSession prepares the lanes for an SMTP session.
func (l *lanes) beginSession() {
	for i := range l.all {
		lane := &l.all[i]
		lane.detached, lane.done, lane.leftOut = lane.absent, lane.absent, lane.lacking
		lane.record = laneRecord{failed: lane.lacking}
	}
}

// takeBack drops the refusals of a stage that the client repeats. A lane that is done, after a
// refusal in a dry run, is not asked again.
func (l *lanes) takeBack(stage Stage) {
	for i := range l.all {
		if lane := &l.all[i]; !lane.done {
			lane.record.takeBack(stage)
		}
	}
}

// allAccepted reports whether all lanes are done with the message and none has requested
// a modification. At a stage before the message, it reports whether they are done with
// the whole session.
func (l *lanes) allAccepted(stage Stage) bool {
	for i := range l.all {
		lane := &l.all[i]
		if len(lane.edits) > 0 || !lane.done || !lane.detached && !stage.ofMessage() {
			return false
		}
	}
	return len(l.all) > 0
}

// skipBody reports whether none of the lanes that see the body as it arrives wants
// more of it.
func (l *lanes) skipBody(at []stageLane) bool {
	for _, sl := range at {
		if lane := &l.all[sl.lane]; !lane.done && !lane.skipsBody(len(sl.routes)) {
			return false
		}
	}
	return true
}

// leftOut reports whether a filter failed, or lacked data, and the message goes on without it.
func (l *lanes) leftOut() bool {
	return slices.ContainsFunc(l.all, func(lane laneState) bool { return lane.leftOut })
}

// unseen marks the message as unknown to all lanes, so that they get no Abort.
func (l *lanes) unseen() {
	for i := range l.all {
		l.all[i].notified = true
	}
}

// unneeded returns the parts of the message that none of the remaining lanes needs.
func (l *lanes) unneeded() parts {
	all := theEnvelope | theHeader | theBody | theFields
	for i := range l.all {
		all &^= l.all[i].needs()
	}
	return all
}

// laneState is the state of a mounted filter in one session.
type laneState struct {
	plan        *lanePlan
	lacking     bool // the MTA lacks an action that it requires
	absent      bool // it takes no part in what was negotiated
	detached    bool // it takes no more part in the session
	done        bool // it takes no more part in the message
	leftOut     bool // the message goes on without it after a failure
	notified    bool // it knows how the message ended for it
	lastVerdict Verdict
	skipped     uint64 // a bit for each body handler that wants no more chunks
	edits       []edit
	deletions   map[deletion]int // their indexes in edits
	resolved    bool             // the fields of all edits were looked up
	exceeded    parts            // of the message, that exceeded a limit
	dryLines    int              // lines about dry runs, since journal.further
	record      laneRecord
}

// needs returns the parts of the message that the lane still needs.
func (l *laneState) needs() parts {
	switch {
	case !l.done:
		return l.plan.needs
	case len(l.edits) > 0:
		return l.plan.needsToEdit
	}
	return 0
}

// dropEdits drops the modifications that the lane requested.
func (l *laneState) dropEdits() {
	l.edits, l.resolved = truncated(l.edits), false
	if len(l.deletions) > usualEntries {
		l.deletions = nil // clear would keep the map's memory
	}
	clear(l.deletions)
}

// leave ends the lane's part in the message or, at Connect and Helo, in the session. At
// an unknown command it does nothing: otherwise a client could disable a filter with such
// a command.
func (l *laneState) leave(stage Stage) {
	switch {
	case stage == StageConnect || stage == StageHelo:
		l.done, l.detached = true, true
	case stage.ofMessage():
		l.done = true
	}
}

// leaveOut ends the lane's part and drops what it asked to modify.
func (l *laneState) leaveOut(stage Stage) {
	l.leave(stage)
	l.record.fail(stage)
	if l.done {
		l.dropEdits()
		l.leftOut = true
	}
}

// accept ends the lane's part by its own verdict, so that it needs no Abort.
func (l *laneState) accept(stage Stage) {
	l.leave(stage)
	l.notified = l.notified || l.done
}

// skipsBody reports whether none of the lane's body handlers wants more chunks.
func (l *laneState) skipsBody(routes int) bool { return l.skipped == 1<<routes-1 }

// deletion identifies a field that a lane asked to delete: by its id, or else by its name
// and number.
type deletion struct {
	id   ledger.ID
	name string
	n    int
}

func deletionOf(h HeaderHandle) deletion {
	if h.id != 0 {
		return deletion{id: h.id}
	}
	return deletion{name: ascii.ToLower(h.name), n: h.n}
}

// markDeleted records that the i-th edit deletes a field.
func (l *laneState) markDeleted(h HeaderHandle, i int) {
	if l.deletions == nil {
		l.deletions = make(map[deletion]int)
	}
	l.deletions[deletionOf(h)] = i
}

// request adds an edit to those that the lane asked for.
func (l *laneState) request(s *Session, e edit) error {
	asked := &s.message.edits.asked
	before := max(*asked, freeEdits)
	*asked += editCost + 2*(len(e.name)+len(e.value)) // they are copied once, to be sent
	if n := *asked - before; n > 0 && !s.content.reserve(&s.content.filters, n) {
		return ErrNoMemory
	}
	l.edits = append(l.edits, e)
	return nil
}

// newBody returns the lane's last replacement of the body, or nil.
func (l *laneState) newBody() *edit {
	for i := range slices.Backward(l.edits) {
		if l.edits[i].kind == editBody {
			return &l.edits[i]
		}
	}
	return nil
}

// resolveHandles looks up the fields of the edits whose handles NthHeader created and that were
// requested before the header was complete.
func (l *laneState) resolveHandles(book *ledger.Ledger) {
	if l.resolved {
		return
	}
	l.resolved = true
	for i := range l.edits {
		e := &l.edits[i]
		h := &e.handle
		if h.n == 0 || h.id != 0 {
			continue
		}
		h.id = book.Nth(h.name, h.n)
		if e.kind == editDelete && h.id != 0 && !l.deletes(*h, i) {
			l.markDeleted(*h, i)
		}
	}
}

// check reports whether the i-th edit is possible: the message has the field, and no filter
// has deleted a field that is to be changed.
func (l *laneState) check(i int, book *ledger.Ledger) error {
	e := &l.edits[i]
	h := e.handle
	switch {
	case h == HeaderHandle{}, e.kind == editDelete:
		return nil
	case h.id == 0, e.kind != editInsert && (book.Deleted(h.id) || l.deletes(h, i)):
		return fmt.Errorf("%v: %w: %v", e.kind, ErrNoHeader, h.describe())
	}
	return nil
}

// deletes reports whether one of the lane's first n edits deletes the field. It checks
// the edit itself, because the edits of a dry run are marked and then dropped.
func (l *laneState) deletes(h HeaderHandle, n int) bool {
	if len(l.deletions) == 0 {
		return false
	}
	i, ok := l.deletions[deletionOf(h)]
	return ok && i < n && l.edits[i].kind == editDelete && l.edits[i].handle.same(h)
}

// admits counts a line about what the lane would do in a dry run, and reports whether to
// write it. journal.further writes the number of the others.
func (l *laneState) admits() bool {
	l.dryLines++
	return l.dryLines <= filterLines
}
