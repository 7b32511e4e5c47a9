package middleware

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/sluicemail/sluice/framework"
)

// RecoverConfig says what [Recover] does beside shielding. The zero value logs
// to the session's logger.
type RecoverConfig struct {
	// Logger gets the panic and its stack. Nil means [framework.Session.Logger].
	Logger *slog.Logger
}

// RecoveredError is what becomes of a panic under [Recover].
type RecoveredError struct {
	// Value is what panic was called with.
	Value any
}

// Error implements error. A long value is cut.
func (e *RecoveredError) Error() string {
	return "middleware: recovered from panic: " + cut(fmt.Sprint(e.Value), maxLogged)
}

// Unwrap returns Value where it is an error, and else nil.
func (e *RecoveredError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// maxLogged is how many bytes of a value go to the log.
const maxLogged = 1 << 10

// Recover turns a panic of what it wraps into an error, of type
// [*RecoveredError], and logs the stack.
//
// The framework recovers by itself, outside of all middleware: no panic ends
// more than its own message, with or without Recover. What Recover adds:
//
//   - Middleware outside of it sees an error in place of a panic that flies
//     past: its code after the call runs, and its figures count the failure.
//   - The stack goes where you want it. The framework's own line, which says
//     that the handler failed and by which the policy's verdict is given, comes
//     as well, but without the stack.
//
// It adds nothing to the plan. Of several configurations the last counts.
func Recover(config ...RecoverConfig) framework.Middleware {
	var cfg RecoverConfig
	for _, c := range config {
		cfg = c
	}
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		filter := rt.Filter()
		return func(s *framework.Session, ev framework.Event) (v framework.Verdict, err error) {
			defer func() {
				if p := recover(); p != nil {
					v, err = framework.Continue, &RecoveredError{p}
					cfg.log(s, filter, ev.Stage(), err)
				}
			}()
			return next(s, ev)
		}
	}
}

func (cfg *RecoverConfig) log(s *framework.Session, filter string, stage framework.Stage, err error) {
	logger := cfg.Logger
	if logger == nil {
		logger = s.Logger()
	} else {
		logger = logger.With("session", s.ID())
	}
	logger.Error("handler panicked", "filter", filter, "stage", stage.String(),
		"queue", Printable(s.QueueID(), maxKey), "error", Printable(err.Error(), maxLogged), "stack", string(debug.Stack()))
}

// cut returns no more than n bytes of a text.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n] + "…"
}
