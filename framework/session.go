package framework

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"reflect"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/wire"
)

// Session is one SMTP session between a client and an MTA. A handler gets it with every
// event and must not retain it. Its methods must be called by the goroutine that runs
// the handler; the results of Context and Logger may be used by any goroutine.
type Session struct {
	plan   *Plan
	shared *shared
	conn   *transport.Conn
	nego   negotiated

	log     sessionLog
	context contexts
	slots   slotValues
	event   events

	smtp     smtp
	macros   macros
	message  messageState
	content  content
	memory   sessionMemory
	lanes    lanes
	deferred deferred
	settled  settled
	watch    watch

	recording *recording // or nil
}

// smtp is the state of the SMTP session around its messages.
type smtp struct {
	state sessionState
	host  string // of the client, if it is kept
	addr  netip.Addr
	helo  string

	refusals int // of the client, at Connect and Helo
}

// sessionState is the progress of an SMTP session, as far as the filters know
// it.
type sessionState uint8

const (
	stateNew     sessionState = iota // the filters know nothing of it, so no Close is due
	stateOpen                        // macros or an unknown command came
	stateGreeted                     // past the point at which a client connects
	stateMessage                     // a message is open
)

// reach records that the session has reached a state.
func (st *smtp) reach(state sessionState) { st.state = max(st.state, state) }

// reset prepares the state for another SMTP session.
func (st *smtp) reset() { *st = smtp{} }

// ID returns a random identifier of the SMTP session. It is in every line that the
// session's logger writes.
func (s *Session) ID() string { return s.log.sessionID() }

// Peer returns the MTA's address: the other end of the milter connection, not the SMTP
// client.
func (s *Session) Peer() net.Addr { return s.conn.RemoteAddr() }

// QueueID returns the MTA's identifier of the message, or "" if the MTA has not sent the
// macro i: see [Router.WantMacro].
func (s *Session) QueueID() string {
	id, _ := s.macros.lookup("i")
	return string(id)
}

// RawHeaders reports whether the MTA of this session sends header values byte by byte: a
// filter of this router called [Router.WantRawHeaders], and the MTA can do so. Otherwise
// values lack one leading space, if they had any.
func (s *Session) RawHeaders() bool { return s.nego.leadSpace }

// BodyInDoubt reports whether the MTA may deliver another body than the one that filters see,
// although no filter replaces it. A filter that signs the body must not sign then. Call it at
// the end of the message: before that, it may return false for a message for which it returns
// true later. It is true only behind Stalwart, which repeats the header in front of the body,
// and only if the header ends with a line that is no field, or is repeated in part. Stalwart
// leaves that line out if a filter edits the header.
func (s *Session) BodyInDoubt() bool { return s.content.repeated.Doubtful() }

// InDryRun reports whether the handler that runs is in a dry run by [Route.DryRun], so
// that what it returns is not applied. It is for middleware that keeps a verdict and
// returns it later.
func (s *Session) InDryRun() bool { return s.lanes.dryRun.Load() }

// Logger returns the server's logger with the session's id and peer, and with the
// attributes that Annotate added. The logger may be retained. What a terminal does not
// show is escaped in its lines: see package printable. The number of its lines is not
// bounded: see [Session.BoundedLogger].
func (s *Session) Logger() *slog.Logger { return s.log.logger(s.shared.cfg.Logger) }

// BoundedLogger returns log with a bound on its lines, for a line that an SMTP client or
// an MTA can cause any number of times, so that no MTA fills the log. Nil means the
// session's logger, as [Session.Logger] returns it. The framework bounds its own lines in
// this way.
//
// Lines of one level and message text, and of the same attributes filter and stage and the
// same type of the attribute error, are of one kind. The attributes are those of the line,
// and those that With added to the result; attributes that log had before are not seen. A
// line without filter counts as one of the filter whose handler called BoundedLogger. Of
// each kind an MTA may cause, in a minute, 30 lines from level WARN on, 10 of them with the
// same error, and 600 lines of level INFO. Then one line follows that gives the number of
// the others as suppressed, at the end of the minute or of the server. Lines below INFO
// are not bounded. All MTAs that connect over one unix socket count as one.
//
// The result may be retained.
func (s *Session) BoundedLogger(log *slog.Logger) *slog.Logger {
	j := journal{s}
	if log == nil {
		return j.bound(j.running(), s.Logger().Handler(), s.shared.cfg.Logger.Handler())
	}
	return j.bound(j.running(), log.Handler(), log.Handler())
}

// Annotate adds attributes to the lines that [Session.Logger] writes from now on: until the
// message ends, or outside of a message until the session ends.
func (s *Session) Annotate(attrs ...slog.Attr) { s.log.annotate(s.inMessage(), attrs) }

// Context returns a context that ends with the message ([ErrMessageOver]), or outside of a
// message with the SMTP session ([ErrSessionOver]). It ends early if the MTA closes the
// connection while a handler runs ([ErrPeerGone]), and if a handler runs past its deadline
// ([ErrHandlerTimeout]); later handlers then get another context. context.Cause returns the
// cause. Middleware may have added values: see [Session.CallWithContext].
func (s *Session) Context() context.Context {
	if s.context.wrapped != nil {
		return s.context.wrapped
	}
	return s.context.get(s.shared.base, s.inMessage())
}

// CallWithContext calls next. During the call, [Session.Context] returns ctx. When next
// returns or panics, CallWithContext restores the previous context. It is for middleware.
// ctx must be derived from the context that Context returned, so that the two end
// together:
//
//	ctx, span := tracer.Start(s.Context(), "filter")
//	defer span.End()
//	return s.CallWithContext(ctx, next, ev)
func (s *Session) CallWithContext(ctx context.Context, next Handler, ev Event) (Verdict, error) {
	before := s.context.wrapped
	s.context.wrapped = ctx
	defer func() { s.context.wrapped = before }()
	return next(s, ev)
}

// SetContextValue adds a value to the contexts that [Session.Context] returns, including
// contexts that it returned before and contexts derived from them. A value that is set
// during a message lasts until the message ends. A value that is set outside of a
// message lasts until the session ends, and the session's messages have it too. The key
// follows the rules of context.WithValue.
func (s *Session) SetContextValue(key, value any) {
	if key == nil || !reflect.TypeOf(key).Comparable() {
		panic("framework: SetContextValue with a key that cannot be compared")
	}
	s.context.set(s.inMessage(), key, value)
}

// ContextValue returns the value that [Session.Context] has for a key. Unlike Context, it
// does not create a context.
func (s *Session) ContextValue(key any) any {
	if s.context.wrapped != nil {
		return s.context.wrapped.Value(key)
	}
	return s.context.value(s.shared.base, s.inMessage(), key)
}

// inMessage reports whether a message is open.
func (s *Session) inMessage() bool { return s.smtp.state == stateMessage }

// rcptRejected reports whether the MTA shows a recipient that it has refused.
func rcptRejected(s *Session) bool {
	return s.nego.Protocol.Has(wire.ProtoRcptRej) && s.macros.rcptRejected()
}

// mustOwn panics if a handle, such as a slot or a macro, belongs to a router other
// than the session's. This is a mistake in the program, which must not go unnoticed.
func (s *Session) mustOwn(reg *registry, what string) {
	if reg != s.plan.reg {
		panic("framework: a " + what + " is used that this session's router did not make")
	}
}

// mustHave panics if a handler reads a part of the message that was dropped because of a
// limit. The filters that wanted the part were left out of the message. Another filter
// that uses their handle must not mistake the dropped part for an empty one.
func (s *Session) mustHave(what parts) {
	if s.content.lost&what != 0 {
		panic(errNotKept)
	}
}

// messageAttrs returns the attributes of a log line about a message, with its queue id and
// number if they are known. It leaves out the queue id if Annotate added one.
func (s *Session) messageAttrs(attrs ...any) []any {
	if id := s.QueueID(); id != "" && !s.log.has("queue_id") {
		attrs = append(attrs, "queue_id", id)
	}
	if s.message.number > 0 {
		attrs = append(attrs, "message", s.message.number)
	}
	return attrs
}

// warnClosing logs that a body could not be closed.
func (s *Session) warnClosing(err error) {
	if err != nil {
		journal{s}.logger().Warn("cannot close a body", "error", err)
	}
}
