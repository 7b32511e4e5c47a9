package framework

import (
	"fmt"
	"io"
	"slices"

	"github.com/sluicemail/sluice/framework/internal/crlf"
)

// commit enters what a lane asked to modify into the message, so that the lanes
// behind it see it done. It is done as a whole or, with an error, not at all.
func (s *Session) commit(lane *laneState) error {
	if len(lane.edits) == 0 {
		return nil
	}
	if lane.plan.policy.dryRun {
		s.logEdits(lane)
		return nil
	}
	for i := range lane.edits {
		if err := s.find(&lane.edits[i]); err != nil {
			return err
		}
	}
	if err := s.commitBody(lane); err != nil {
		return err
	}
	for i := range lane.edits {
		s.apply(&lane.edits[i])
		s.ending.edits[lane.edits[i].kind]++
	}
	return nil
}

// find looks for the field that an edit of the header means, where it was named
// before the header was complete.
func (s *Session) find(e *edit) error {
	if e.handle.n == 0 || e.handle.id != 0 || !s.recorded() {
		return nil
	}
	e.handle.id = s.book.Nth(e.handle.name, e.handle.n)
	if e.handle.id == 0 && e.kind != editDelete {
		return fmt.Errorf("%v: %w: number %d of %s", e.kind, ErrNoHeader, e.handle.n, e.handle.name)
	}
	return nil
}

// commitBody takes the last body that the lane gave. A reader is read to its
// end now: a failure is the lane's then, and not one of a message that is half
// said.
func (s *Session) commitBody(lane *laneState) error {
	for i := range slices.Backward(lane.edits) {
		e := &lane.edits[i]
		if e.kind != editBody {
			continue
		}
		if e.reader == nil {
			s.edits.body = bodySource{replaced: true, bytes: e.body}
			return nil
		}
		if err := s.keepBody(lane, e.reader); err != nil {
			return fmt.Errorf("%v: %w", editBody, err)
		}
		s.edits.body = bodySource{replaced: true, kept: true}
		return nil
	}
	return nil
}

// keepBody reads a body and keeps it in the place of the message's. Reading
// runs code of the filter, and is watched as its handlers are.
func (s *Session) keepBody(lane *laneState, r io.Reader) error {
	fresh := s.store.New()
	defer func() { s.warnClosing(fresh.Reset()) }() // also when the filter ends its goroutine
	s.link.enter(s, lane, StageEndOfMessage)
	err := readAll(&fresh, r)
	if !s.link.leave() {
		s.link.abandoned = true
		err = errTimedOut
	}
	if err != nil {
		return err
	}
	return s.body.Replace(&fresh)
}

func readAll(dst io.Writer, r io.Reader) (err error) {
	defer contain(&err)
	_, err = io.Copy(dst, crlf.NewReader(r))
	return err
}

func (s *Session) apply(e *edit) {
	switch e.kind {
	case editAppend:
		s.book.Append(e.name, s.wireOf(e))
	case editInsert:
		s.book.Insert(e.above, e.name, s.wireOf(e))
	case editChange, editDelete, editRename:
		s.applyTo(e)
	case editAddRcpt, editAddRcptPar:
		s.edits.added = append(s.edits.added, addedRcpt{e.name, e.value, e.kind == editAddRcptPar})
	case editDelRcpt:
		s.edits.delete(e.name)
	case editSender:
		s.edits.sender, s.edits.senderArgs = e.name, e.value
	case editQuarantine:
		s.edits.quarantine = e.value
	case editBody: // by commitBody
	}
}

// applyTo edits a field that the message had before.
func (s *Session) applyTo(e *edit) {
	switch h := e.handle; {
	case h.id == 0 && s.recorded(): // deletes what is not there
	case h.id == 0 && e.kind == editChange:
		s.book.ChangeBlind(h.name, h.n, s.wireOf(e))
	case h.id == 0:
		s.book.ChangeBlind(h.name, h.n, "")
	case e.kind == editDelete:
		s.book.Delete(h.id)
	case e.kind == editChange:
		s.book.Change(h.id, s.wireOf(e))
	default:
		s.book.Rename(h.id, e.name)
	}
}

func (s *Session) logEdits(lane *laneState) {
	for i := range lane.edits {
		s.logEdit(lane, &lane.edits[i])
	}
}

func (s *Session) logEdit(lane *laneState, e *edit) {
	s.Logger().Info("dry run: modification", "filter", lane.plan.name, "queue", s.QueueID(),
		"kind", e.kind.String(), "name", e.name, "value", e.value)
}
