package middleware

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/printable"
)

// maxLogged is the number of bytes of a panic's error that are logged.
const maxLogged = 1 << 10

// Recover turns a panic of a wrapped handler into an error of type
// [*framework.PanicError], and logs the panic and its stack at level error to the
// session's logger: see [framework.Session.Logger].
//
// The framework recovers from panics in any case, outside of all middleware: a
// panic ends at most its own message, with or without Recover. Recover adds:
//
//   - Middleware outside of it gets an error instead of a panic: its code after
//     the call runs, and its metrics count the failure.
//   - The stack is in the line "handler panicked". The framework's line "handler
//     failed" follows without a stack, and the filter's policy decides about the
//     message.
//
// The lines of one MTA are bounded: see [framework.Session.BoundedLogger]. Recover adds
// nothing to the plan.
func Recover() framework.Middleware { return RecoverTo(nil) }

// RecoverTo is like [Recover], but logs to log instead of the session's logger.
// Its lines have the session's ID. Nil means the session's logger.
func RecoverTo(log *slog.Logger) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		filter := rt.Filter()
		return func(s *framework.Session, ev framework.Event) (v framework.Verdict, err error) {
			defer func() {
				if p := recover(); p != nil {
					v, err = framework.Continue, &framework.PanicError{Value: p} // its stack is logged here
					logPanic(log, s, filter, ev.Stage(), err)
				}
			}()
			return next(s, ev)
		}
	}
}

// logPanic logs a recovered panic with its stack.
func logPanic(log *slog.Logger, s *framework.Session, filter string, stage framework.Stage, err error) {
	var attrs []slog.Attr
	ofSession := log == nil
	if !ofSession {
		attrs = append(attrs, slog.String("session", s.ID()))
	}
	attrs = appendHandler(attrs, s, filter, stage, ofSession)
	attrs = append(attrs, slog.String("error", Printable(err.Error(), maxLogged)), slog.Any("stack", printable.Lines(debug.Stack())))
	s.BoundedLogger(log).LogAttrs(context.Background(), slog.LevelError, "handler panicked", attrs...)
}
