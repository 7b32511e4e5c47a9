package middleware

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Logger logs each message as one line when it ends, at level info, and each
// event that a wrapped handler is called for as another, at level debug, after
// the handler returned. Nil for log means [framework.Session.Logger].
//
//	level=INFO msg=message session=6d… message=1 queue=4F1Zq client=192.0.2.1
//	client_name=mx.example.org helo=mx.example.org sender=ann@example.org
//	recipients=2 size=2048 verdict="reply 550 5.7.1 no" filter=spam
//	stage="end of message" modifications.addheader=1 took.header=12µs …
//
// The line tells of the router's message, not of a filter's: there is one,
// whatever the number of filters, of handlers and of recipients. filter is who
// gave a verdict that refuses or discards. verdict is "aborted" where the message
// ended otherwise: see [framework.MessageResult]. What is not known is left out, and
// so is size where no filter is shown the body: that is the one field for which
// the MTA would have to send more than a few bytes. took is the time that the
// wrapped handlers took, by stage.
//
// Of the protocol it costs what it prints and the MTA alone knows: the queue id
// at the end of the message and, unless [LogFields] leaves them out, the client
// at Connect, its HELO, the sender at Mail and the recipients at Rcpt, for none
// of which the MTA waits for an answer. The plan lists them.
//
// What strangers wrote is escaped as [Printable] does, and cut: see [LogLimit].
// A line holds personal data; see [LogRedact].
func Logger(log *slog.Logger, opts ...LogOption) framework.Middleware {
	cfg := newLogConfig(log, opts)
	on := framework.OncePerRouter(cfg.on)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		l, filter := on(rt), rt.Filter()
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			begin := l.now()
			v, err := next(s, ev)
			took := l.now() - begin
			l.note(s, ev, took)
			if log := l.logger(s); log.Enabled(context.Background(), l.cfg.events) {
				l.event(s, log, ev, outcome{filter, v, err, took})
			}
			return v, err
		}
	}
}

// logger is a Logger on one router.
type logger struct {
	cfg     *logConfig
	start   time.Time
	helo    framework.KeptHelo
	message framework.Slot[loggedMessage]
	session framework.Slot[loggedSession]
	fields  []fieldMacro                          // of the message's line
	macros  map[framework.Stage][]framework.Macro // of the events' lines
}

// now is the time since the start: it costs half of what time.Now does, which
// reads the calendar as well.
func (l *logger) now() time.Duration { return time.Since(l.start) }

// loggedMessage is what is kept of a message for its line.
type loggedMessage struct {
	took  [framework.StageEndOfMessage + 1]time.Duration
	begun bool
}

// loggedSession is what is kept of an SMTP session for the lines of its
// messages.
type loggedSession struct {
	took     [framework.StageHelo + 1]time.Duration // shown with the next message
	client   []string                               // what the macros of the client say
	messages uint64
	attrs    []slog.Attr // room for those of a line
}

// recycle takes back the room, without what is in it.
func (kept *loggedSession) recycle(attrs []slog.Attr) {
	clear(attrs)
	kept.attrs = attrs
}

// outcome is what came of a handler.
type outcome struct {
	filter  string
	verdict framework.Verdict
	err     error
	took    time.Duration
}

// logger returns where the session's lines go.
func (l *logger) logger(s *framework.Session) *slog.Logger {
	if l.cfg.log != nil {
		return l.cfg.log
	}
	return s.Logger()
}

// write writes a line as slog.Logger.LogAttrs does, but does not look for where
// in this package it was called from.
func write(ctx context.Context, log *slog.Logger, level slog.Level, msg string, attrs []slog.Attr) {
	line := slog.NewRecord(time.Now(), level, msg, 0)
	line.AddAttrs(attrs...)
	_ = log.Handler().Handle(ctx, line)
}

// identify begins a line, in the room of the last.
func (l *logger) identify(s *framework.Session, attrs []slog.Attr) []slog.Attr {
	const usual = 16
	attrs = slices.Grow(attrs[:0], usual)
	if l.cfg.log != nil {
		attrs = append(attrs, slog.String("session", s.ID()))
	}
	return attrs
}

// note enters an event into what is kept for the message's line.
func (l *logger) note(s *framework.Session, ev framework.Event, took time.Duration) {
	switch stage := ev.Stage(); {
	case stage <= framework.StageHelo:
		l.session.Get(s).took[stage] += took
	case stage <= framework.StageEndOfMessage:
		m := l.message.Get(s)
		m.took[stage] += took
		if !m.begun {
			m.begun = true
			l.session.Get(s).messages++
		}
	}
}

// afterMessage writes the message's line.
func (l *logger) afterMessage(s *framework.Session, end *framework.MessageResult) {
	kept, log := l.session.Get(s), l.logger(s)
	kept.messages = end.Number
	if !l.cfg.silent && log.Enabled(context.Background(), l.cfg.messages) {
		attrs := l.identify(s, kept.attrs)
		attrs = l.messageAttrs(s, kept, end, attrs)
		write(context.Background(), log, l.cfg.messages, "message", attrs)
		kept.recycle(attrs)
	}
	kept.took = [len(kept.took)]time.Duration{}
}
