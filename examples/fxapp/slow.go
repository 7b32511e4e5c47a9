package main

import (
	"log/slog"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Slow returns middleware that logs a warning for every handler call that takes
// at least limit. If limit is zero, it logs nothing.
func Slow(log *slog.Logger, limit time.Duration) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if limit == 0 {
			return next
		}
		filter, stage := rt.Filter(), rt.Stage().String()
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			began := time.Now()
			verdict, err := next(s, ev)
			if took := time.Since(began); took >= limit {
				s.BoundedLogger(log).Warn("slow handler", "filter", filter, "stage", stage, "session", s.ID(), "took", took)
			}
			return verdict, err
		}
	}
}
