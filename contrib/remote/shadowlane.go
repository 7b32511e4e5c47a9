package remote

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// mirror is a shadow on one router. Its handlers run in the goroutine of the mail server's
// connection. They never wait: they hand each event to the goroutine of the session, which
// talks to the milter.
type mirror struct {
	lane     *lane
	shadow   *shadow
	sessions framework.Slot[shadowSession]
	messages framework.Slot[shadowMessage]
}

// shadowSession is what the handlers know of a session.
type shadowSession struct {
	queue *queue // nil before the first event, and if there was no room
	off   bool   // there was no room
	sent  session
}

// ResetSlot ends the session for the milter.
func (ss *shadowSession) ResetSlot() {
	if ss.queue != nil {
		ss.queue.close()
	}
	*ss = shadowSession{}
}

// shadowMessage is what the handlers know of the open message.
type shadowMessage struct {
	shadow  *shadow // nil before the first event
	held    int     // the memory that is taken until the message is compared
	skipped bool    // there was no room for a part of it
	seen    uint16  // a bit for each stage that the milter was told of
	sent    transaction
	places  map[framework.HeaderHandle]int // of the fields that the milter was shown
}

// ResetSlot gives back the memory, if the message ended without a comparison.
func (msg *shadowMessage) ResetSlot() {
	if msg.shadow != nil {
		msg.shadow.release(msg.held)
	}
	*msg = shadowMessage{}
}

// hold takes memory until the message is compared. Without room, the message is skipped.
func (msg *shadowMessage) hold(n int) {
	switch {
	case msg.skipped:
	case msg.shadow.reserve(n):
		msg.held += n
	default:
		msg.skipped = true
	}
}

// handOver returns what hold took, for the task that gives it back.
func (msg *shadowMessage) handOver() int {
	n := msg.held
	msg.held = 0
	return n
}

// The memory that is taken in addition to the bytes of what waits: by the goroutine of a session,
// by an event, by a field of the header, and by an edit or a recipient of the other filter.
const (
	sessionCost = 16 << 10
	eventCost   = 256
	fieldCost   = 512
	editCost    = 128
)

func newMirror(l *lane) *mirror {
	m := &mirror{lane: l, shadow: l.filter.shadow}
	l.mirror = m
	return m
}

// register observes what the milter wants to see. The mail server waits for no answer for its
// sake: at the end of the message it waits anyway. FailOpen holds for the limits of the server,
// because the handlers themselves do not fail.
func (m *mirror) register(r *framework.Router) {
	r.FailOpen()
	l := m.lane
	m.sessions, m.messages = framework.PerConnection[shadowSession](r), framework.PerMessage[shadowMessage](r)
	if l.kept = l.wishes.Actions&(wire.ActionAddHdrs|wire.ActionChgHdrs) != 0; l.kept {
		l.header = r.WantHeaders()
	}
	l.registerStages(r)
	r.With(m.watch).OnEndOfMessage(m.endOfMessage)
}

// watch is middleware that asks for what the other filter did. It is around one handler.
func (m *mirror) watch(rt *framework.Route, next framework.Handler) framework.Handler {
	rt.WantFilterResult(m.shadow.Of)
	rt.WantFilterResult(rt.Filter())
	rt.AfterMessage(m.afterMessage)
	return next
}

// session returns the state of a session, with a queue if there is room.
func (m *mirror) session(s *framework.Session) *shadowSession {
	ss := m.sessions.Get(s)
	if ss.queue != nil || ss.off {
		return ss
	}
	ss.off = true
	if !m.shadow.reserve(sessionCost) {
		return ss
	}
	w := &worker{
		mirror: m, queue: newQueue(m.shadow), id: s.ID(), log: s.BoundedLogger(nil),
		offer: m.lane.offer(s, m.lane.wishes.Actions),
	}
	if !m.shadow.start(w.run) {
		m.shadow.release(sessionCost)
		return ss
	}
	ss.queue, ss.off = w.queue, false
	return ss
}

// message returns the state of the open message.
func (m *mirror) message(s *framework.Session, ss *shadowSession) *shadowMessage {
	msg := m.messages.Get(s)
	if msg.shadow == nil {
		msg.shadow, msg.skipped = m.shadow, ss.off
		msg.hold(eventCost) // for the comparison
	}
	return msg
}

// skips reports whether the session, or the open message if there is one, has found no room.
func skips(ss *shadowSession, msg *shadowMessage) bool { return ss.off || msg != nil && msg.skipped }

// hand hands an event to the session's goroutine. end is what it asks for at the end of the
// message.
func (m *mirror) hand(s *framework.Session, stage framework.Stage, st *step, end *shadowEnd) {
	ss := m.session(s)
	var msg *shadowMessage
	var sent *transaction
	switch stage {
	case framework.StageConnect, framework.StageHelo, framework.StageUnknown:
	default:
		msg = m.message(s, ss)
		sent = &msg.sent
	}
	if skips(ss, msg) {
		return
	}
	m.lane.prepare(s, &ss.sent, sent, stage, st)
	size := eventCost + st.size
	switch {
	case msg != nil && !st.ofContent():
		msg.hold(size) // the envelope may be repeated to another milter
		size = 0
	case m.shadow.reserve(size):
	case msg != nil:
		msg.skipped = true
	default:
		ss.off = true
	}
	if skips(ss, msg) {
		return
	}
	if msg != nil && stage != framework.StageUnknown {
		msg.seen |= 1 << stage
	}
	early := ss.sent.early
	ss.sent.early = nil
	ss.queue.add(size, func(w *worker) { w.event(stage, st, early, end) })
}

// endOfMessage hands the end of the message to the session's goroutine. The verdict is never
// the milter's.
func (m *mirror) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	ss := m.session(s)
	msg := m.message(s, ss)
	if skips(ss, msg) {
		return framework.Continue, nil
	}
	end := &shadowEnd{header: newHeader(m.lane, s, false)}
	msg.places = make(map[framework.HeaderHandle]int, len(end.header.lines))
	st := end.step()
	for i, l := range end.header.lines {
		l.number = i // the first line is the mail server's own
		msg.places[l.Handle] = i
		l.Handle, l.shown.Handle = framework.HeaderHandle{}, framework.HeaderHandle{} // the session goes on
		st.size += fieldCost + len(l.Name) + 2*len(l.Raw)
	}
	m.hand(s, framework.StageEndOfMessage, st, end)
	return framework.Continue, nil
}

// errLeftOut reports that a limit of the server kept a part of the message from the milter.
var errLeftOut = errors.New("remote: the shadow did not see the whole message, because a limit of the server was exceeded")

// afterMessage hands what the other filter did to the session's goroutine, which compares it
// when the milter has answered.
func (m *mirror) afterMessage(s *framework.Session, result *framework.MessageResult) {
	ss := m.session(s)
	msg := m.message(s, ss)
	var o *other
	if !skips(ss, msg) {
		o = m.other(s, msg, result)
		msg.hold(o.size())
	}
	if skips(ss, msg) {
		m.shadow.counts.skipped.Add(1)
		if msg.held > 0 {
			ss.queue.add(msg.handOver(), (*worker).dropMessage)
		}
		return
	}
	ss.queue.add(msg.handOver(), func(w *worker) { w.compare(o) })
}

// other returns what the other filter did in a message.
func (m *mirror) other(s *framework.Session, msg *shadowMessage, result *framework.MessageResult) *other {
	own, _ := result.FilterResult(m.lane.filter.cfg.Name)
	of, _ := result.FilterResult(m.shadow.Of)
	o := &other{
		Decision: Decision{of.Verdict, of.Stage}, decided: of.Decided, failed: of.Failed || of.Incomplete,
		endedBefore: !of.Decided && result.Filter != "" && result.Filter != m.shadow.Of, at: result.Stage,
		edits: editsOf(&of, msg.places), message: result.Number, queueID: s.QueueID(),
	}
	o.unseen = !o.passes() && !m.saw(msg, o.Stage)
	if m.saw(msg, framework.StageRcpt) {
		for addr, v := range of.RefusedRecipients() {
			o.refused = append(o.refused, refusal{addr, v})
		}
	}
	if own.Failed {
		o.err = errLeftOut
	}
	return o
}

// saw reports whether the milter was told of a stage of the message, or does not want to be. It
// is not if a condition is around the shadow, or if the shadow stands behind the other filter.
func (m *mirror) saw(msg *shadowMessage, stage framework.Stage) bool {
	for _, e := range events() {
		if e.stage == stage && !e.takes(&m.lane.wishes) {
			return true
		}
	}
	return stage < framework.StageMail || msg.seen&(1<<stage) != 0
}

// report reports a message that differs, or in which the milter failed.
func (m *mirror) report(log *slog.Logger, d *Difference) {
	if m.shadow.Report != nil {
		m.shadow.Report(*d)
		return
	}
	attrs := []any{"filter", d.Filter, "of", d.Of, "message", d.Message}
	if d.QueueID != "" {
		attrs = append(attrs, "queue_id", d.QueueID)
	}
	if d.Err != nil {
		log.Warn("shadow failed", append(attrs, "error", d.Err)...)
		return
	}
	if d.Verdict {
		attrs = append(attrs, "verdict", d.Milter.Verdict.Kind(), "stage", d.Milter.Stage.String(),
			"of_verdict", d.Other.Verdict.Kind(), "of_stage", d.Other.Stage.String())
	}
	if n := len(d.Recipients); n > 0 {
		attrs = append(attrs, "recipients", n)
	}
	attrs = appendEdits(attrs, "extra", d.Extra)
	attrs = appendEdits(attrs, "missing", d.Missing)
	log.Info("shadow differs", attrs...)
}

// namedEdits is the number of edits that a line names.
const namedEdits = 10

// appendEdits appends the kinds of edits, and the names of fields. Values and addresses are for
// Shadow.Report.
func appendEdits(attrs []any, key string, edits []Edit) []any {
	if len(edits) == 0 {
		return attrs
	}
	var list []string
	for i := range edits[:min(len(edits), namedEdits)] {
		text := edits[i].Kind
		if strings.HasSuffix(text, "header") {
			text += " " + edits[i].Name
		}
		list = append(list, text)
	}
	if len(edits) > namedEdits {
		list = append(list, "…")
	}
	return append(attrs, key, strings.Join(list, ", "))
}

// offers returns a function that returns an offer.
func offers(o mta.Offer) func() mta.Offer { return func() mta.Offer { return o } }
