package framework

import (
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
	}
}

// endMessage drops the state that belongs to the message.
func (l *lanes) endMessage() {
	for i := range l.all {
		l.all[i].dropEdits()
		l.all[i].done = l.all[i].detached
	}
}

// endSession prepares the lanes for another SMTP session.
func (l *lanes) endSession() {
	for i := range l.all {
		l.all[i].detached, l.all[i].done = false, false
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

// unneeded returns the parts of the message that none of the remaining lanes needs.
func (l *lanes) unneeded() parts {
	all := theEnvelope | theHeader | theBody | theFields
	for i := range l.all {
		if lane := &l.all[i]; !lane.done {
			all &^= lane.plan.needs
		}
	}
	return all
}

// laneState is the state of a mounted filter in one session.
type laneState struct {
	plan        *lanePlan
	detached    bool // it takes no more part in the session
	done        bool // it takes no more part in the message
	notified    bool // it knows how the message ended for it
	lastVerdict Verdict
	skipped     uint64 // a bit for each body handler that wants no more chunks
	edits       []edit
	deletions   map[deletion]int // their indexes in edits
}

// dropEdits drops the modifications that the lane requested.
func (l *laneState) dropEdits() {
	clear(l.edits)
	clear(l.deletions)
	l.edits = l.edits[:0]
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

// markDeleted records that the next edit will delete a field.
func (l *laneState) markDeleted(h HeaderHandle) {
	if l.deletions == nil {
		l.deletions = make(map[deletion]int)
	}
	l.deletions[deletionOf(h)] = len(l.edits)
}

// deletes reports whether the lane requested the deletion of the field. It checks the
// edit itself, because the edits of a dry run are marked and then dropped.
func (l *laneState) deletes(h HeaderHandle) bool {
	if len(l.deletions) == 0 {
		return false
	}
	i, ok := l.deletions[deletionOf(h)]
	return ok && i < len(l.edits) && l.edits[i].kind == editDelete && l.edits[i].handle.same(h)
}
