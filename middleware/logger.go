package middleware

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Logger logs one line for each message when it ends, at level info, and one
// line for each event that a wrapped handler is called with, at level debug,
// after the handler has returned.
//
//	level=INFO msg=message session=6d… message=1 queue_id=4F1Zq client=192.0.2.1
//	client_name=mx.example.org helo=mx.example.org sender=ann@example.org
//	recipients=2 size=2048 verdict="reply 550 5.7.1 no" filter=spam
//	stage="end of message" modifications.addheader=1 took_header=12µs …
//
// A message has one line, whatever the number of filters, handlers and
// recipients. filter is the filter that refused or discarded the message, and
// stage is where the last verdict was given. verdict is "aborted" if the message
// ended without one: see [framework.MessageResult]. took_header is the time that
// the wrapped handlers of the stage Header took together; every other stage up
// to the end of message has such a key, too. Unknown values are omitted. size is
// omitted if no filter receives the body: the MTA would have to send the body for
// the log alone.
//
// For its lines, Logger requests from the MTA the queue ID at the end of the
// message and, unless [LoggerConfig].Fields omits them, the client at Connect,
// its HELO, the sender at Mail and the recipients at Rcpt. The MTA waits for no
// answer at these stages. The plan lists them.
//
// A message that was accepted always has its line. Messages of one MTA that were
// refused or aborted have at most 600 lines in a minute, and a later line has the
// number of those left out, as suppressed: see [framework.Session.BoundedLogger]. The
// lines of events are not bounded: a client can fill the log with many recipients or
// fields.
//
// Values that came from the client or the mail are escaped as [Printable] does
// and cut after [LoggerConfig].Limit bytes. A line contains personal data: see
// [LoggerConfig].Redact. If [Macros] adds the queue ID or the client's name to
// the session's logger, Logger does not add it again.
func Logger(cfg LoggerConfig) framework.Middleware {
	if err := cfg.check(); err != nil {
		return func(rt *framework.Route, next framework.Handler) framework.Handler {
			rt.Errorf("%w", err)
			return next
		}
	}
	loggers := framework.OncePerRouter(newLogConfig(cfg).newLogger)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		l, filter := loggers(rt), rt.Filter()
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			begin := l.now()
			v, err := next(s, ev)
			took := l.now() - begin
			l.record(s, ev, took)
			if log := l.logger(s); log.Enabled(context.Background(), l.cfg.EventLevel.Level()) {
				l.logEvent(s, log, ev, result{filter, v, err, took})
			}
			return v, err
		}
	}
}

// logger is the state of a Logger on one router.
type logger struct {
	cfg      *logConfig
	start    time.Time
	helo     framework.KeptHelo
	message  framework.Slot[loggedMessage]
	session  framework.Slot[loggedSession]
	fields   []macroField                            // of the message lines
	macros   map[framework.Stage][]framework.Macro   // of the event lines
	tookKeys [framework.StageEndOfMessage + 1]string // the key of each stage's duration
}

// now returns the time since the start. It costs half of time.Now, which reads
// the wall clock as well.
func (l *logger) now() time.Duration { return time.Since(l.start) }

// loggedMessage is what Logger records of a message for its line.
type loggedMessage struct {
	took  [framework.StageEndOfMessage + 1]time.Duration
	begun bool
}

// loggedSession is what Logger records of an SMTP session for the lines of its
// messages.
type loggedSession struct {
	took     [framework.StageHelo + 1]time.Duration // shown with the next message
	client   []string                               // the values of macros that hold for the session
	messages uint64
	attrs    []slog.Attr // buffer for the attributes of a line
}

// recycle keeps the buffer for the next line, without references to values.
func (kept *loggedSession) recycle(attrs []slog.Attr) {
	clear(attrs)
	kept.attrs = attrs
}

// result is what a handler returned, and how long it took.
type result struct {
	filter  string
	verdict framework.Verdict
	err     error
	took    time.Duration
}

// logger returns the logger for the session's lines.
func (l *logger) logger(s *framework.Session) *slog.Logger {
	if l.cfg.Logger != nil {
		return l.cfg.Logger
	}
	return s.Logger()
}

// writeLine does what slog.Logger.LogAttrs does, without looking up the caller's
// source position, which would be in this package.
func writeLine(ctx context.Context, log *slog.Logger, level slog.Level, msg string, attrs []slog.Attr) {
	line := slog.NewRecord(time.Now(), level, msg, 0)
	line.AddAttrs(attrs...)
	_ = log.Handler().Handle(ctx, line)
}

// beginLine returns the first attributes of a line, in the buffer attrs.
func (l *logger) beginLine(s *framework.Session, attrs []slog.Attr) []slog.Attr {
	const usual = 24
	attrs = slices.Grow(attrs[:0], usual)
	if l.cfg.Logger != nil {
		attrs = append(attrs, slog.String("session", s.ID()))
	}
	return attrs
}

// appendQueueID appends the queue ID if it is known, and if the session's logger
// does not add it.
func (l *logger) appendQueueID(attrs []slog.Attr, s *framework.Session) []slog.Attr {
	if l.cfg.Logger == nil && LogsMacro(s, MacroQueueID) {
		return attrs
	}
	return l.cfg.appendText(attrs, "queue_id", s.QueueID())
}

// record adds an event's duration to the record of its message or session.
func (l *logger) record(s *framework.Session, ev framework.Event, took time.Duration) {
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

// afterMessage logs the line of a message.
func (l *logger) afterMessage(s *framework.Session, end *framework.MessageResult) {
	kept, log := l.session.Get(s), l.logger(s)
	kept.messages = end.Number
	level := l.cfg.MessageLevel.Level()
	if level < slog.LevelWarn && (end.Aborted || end.Verdict.Refuses()) {
		log = s.BoundedLogger(l.cfg.Logger) // a client sends nothing for these
	}
	if !l.cfg.NoMessages && log.Enabled(context.Background(), level) {
		attrs := l.beginLine(s, kept.attrs)
		attrs = l.appendMessage(attrs, s, kept, end)
		writeLine(context.Background(), log, level, "message", attrs)
		kept.recycle(attrs)
	}
	kept.took = [len(kept.took)]time.Duration{}
}
