package framework

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/wire"
)

// Session is one SMTP session that an MTA asks about. Handlers get it with
// every event. It must be used by the goroutine that runs the handler alone,
// but for the context and the logger, and not after the handler returned.
type Session struct {
	plan *Plan
	link *link
	nego negotiated
	log  *slog.Logger // of the session
	id   string

	sessionNote note            // what was added to the session's lines
	note        note            // and to those of the message
	wrapped     context.Context //nolint:containedctx // what middleware put in the place of context, for one handler

	lanes   []laneState
	running *laneState
	cells   []slotValue
	macros  [wire.NumMacroStages][]byte

	open      bool // the session was told something: Close is due
	greeted   bool // it is past the point where a client connects
	announced bool // the macros of MAIL came, which tell where a message begins
	fresh     bool // the macros of a recipient are of the one to come
	repeats   bool // macros come before header fields or body chunks
	inMessage bool
	began     time.Time // the message, where somebody bounds it
	ending    MessageResult
	message   uint64 // counts messages, so that a handle of an old one is known
	phase     Stage
	pending   Verdict // a verdict that no stage could take yet
	pendingOf string  // the lane that gave it
	forAll    bool    // it holds for the rest of the session

	book     ledger.Ledger
	store    *spool.Store
	body     spool.Spool
	kept     kept
	edits    envelopeEdits
	client   keptClient
	envelope keptEnvelope
	closers  []io.Closer
	context  sessionContext
	event    events
}

// events are the events that are handed out, reused from one to the next.
type events struct {
	connect  Connect
	helo     Helo
	mail     Mail
	rcpt     Rcpt
	rejected RejectedRcpt
	data     Data
	header   Header
	eoh      EndOfHeaders
	body     Body
	eom      EndOfMessage
	unknown  Unknown
	abort    Abort
	close    Close
}

type keptEnvelope struct {
	sender string
	rcpts  []string
}

func newSession(plan *Plan, l *link, store *spool.Store, books *ledger.Pool) *Session {
	s := &Session{plan: plan, link: l, lanes: make([]laneState, len(plan.lanes)), store: store, body: store.New()}
	s.event.header.owner = s
	s.book.Watched, s.book.Pool = plan.record, books
	l.every = l.cfg.tick(plan.shortest())
	for i := range s.lanes {
		s.lanes[i].plan = &plan.lanes[i]
	}
	return s
}

// ID returns a random identifier of the SMTP session. It is in every line that
// the session's logger writes.
func (s *Session) ID() string {
	if s.id == "" {
		s.id = uuid.NewString()
	}
	return s.id
}

// Peer returns the MTA's address: the other end of the milter connection, not
// the SMTP client.
func (s *Session) Peer() net.Addr { return s.link.conn.RemoteAddr() }

// QueueID returns the MTA's name for the message, or "" where it has not sent
// the macro i, which [Router.WantMacro] asks for.
func (s *Session) QueueID() string {
	id, _ := s.lookupMacro("i")
	return id
}

// Context returns a context that ends with the message ([ErrMessageOver]), or
// outside of a message with the SMTP session ([ErrSessionOver]). It ends early
// when the MTA goes away while a handler runs ([ErrPeerGone]) and when a
// handler runs past its deadline ([ErrHandlerTimeout]); the handlers after that
// one get another. context.Cause tells which. Middleware may have put more into
// it: see [Session.CallWithContext].
func (s *Session) Context() context.Context {
	if s.wrapped != nil {
		return s.wrapped
	}
	return s.context.get(s.link.base, s.inMessage)
}

// lookupMacro looks through what the MTA sent so far, the latest stage first.
func (s *Session) lookupMacro(name string) (string, bool) {
	v, ok := s.rawMacro(name)
	return string(v), ok
}

// rawMacro is lookupMacro without a copy: the value is valid until macros come.
func (s *Session) rawMacro(name string) ([]byte, bool) {
	for _, list := range [...]wire.MacroStage{
		wire.MacroEOM, wire.MacroEOH, wire.MacroData, wire.MacroEnvRcpt,
		wire.MacroEnvFrom, wire.MacroHelo, wire.MacroConnect,
	} {
		if v, ok := wire.LookupMacro(s.macros[list], name); ok {
			return v, true
		}
	}
	return nil, false
}

// cell returns a slot's state, made at its first use.
func (s *Session) cell(i int) slotValue {
	if s.cells == nil {
		s.cells = make([]slotValue, len(s.plan.reg.slots))
	}
	if s.cells[i] == nil {
		s.cells[i] = s.plan.reg.slots[i].make()
	}
	return s.cells[i]
}

// resetCells zeroes the state of the messages, or of the session.
func (s *Session) resetCells(perMessage bool) {
	for i, c := range s.cells {
		if c != nil && s.plan.reg.slots[i].perMessage == perMessage {
			s.resetCell(i)
		}
	}
}

// resetCell zeroes a state. Where the code of the filter that does so panics, the
// state is let go of and made anew: nothing of it is left in either case, and the
// MTA need not lose its connection for it.
func (s *Session) resetCell(i int) {
	defer func() {
		if v := recover(); v != nil {
			s.link.counters.handlerErrors.Add(1)
			s.Logger().Error("Reset of a state panicked", "state", fmt.Sprintf("%T", s.cells[i]),
				"error", &PanicError{Value: v}, "stack", string(debug.Stack()))
			s.cells[i] = nil
		}
	}()
	s.cells[i].reset()
}

// closeAtEnd closes r, where it can be closed, when the message ends.
func (s *Session) closeAtEnd(r io.Reader) {
	if c, ok := r.(io.Closer); ok {
		s.closers = append(s.closers, c)
	}
}

// shownValue returns a header value as the filters see it: without the one
// leading space that is on the wire when SMFIP_HDR_LEADSPC was negotiated.
func (s *Session) shownValue(value string) string {
	if s.nego.leadSpace && value != "" && value[0] == ' ' {
		return value[1:]
	}
	return value
}

// wireValue is the way back.
func (s *Session) wireValue(value string) string {
	if s.nego.leadSpace {
		return " " + value
	}
	return value
}
