package middleware

import (
	"errors"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// TimeoutConfig configures [Timeout]. A zero duration sets no limit. A duration
// above the server's limit (HandlerTimeout and MessageTimeout of
// [framework.Config]) has no effect.
type TimeoutConfig struct {
	// Event limits the handlers of one event, at all stages that are not in
	// Stages. At the end of the message, the limit includes the replay of the
	// message's content.
	Event time.Duration
	// Stages limits the handlers of one event at a stage.
	Stages map[framework.Stage]time.Duration
	// Message limits the time from the start of the message to the return of
	// the filter's last handler. It includes the time in which the filter
	// waits for the client.
	Message time.Duration
}

// Timeout limits the time of a filter's handlers. When the time is over, the
// session's context is canceled with the cause [framework.ErrHandlerTimeout]. The
// handler should then return an error, and the MTA gets the verdict of the
// filter's policy. If the handler does not return, the framework replies on its
// behalf and closes the connection.
//
// The handlers of a filter at one stage share the time: the shortest of their
// limits applies to all. Handlers of Abort and Close have limits, too, although
// they give no verdict.
//
// It adds nothing to the plan, and does not make an event slower.
func Timeout(cfg TimeoutConfig) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if err := cfg.check(); err != nil {
			rt.Errorf("%w", err)
			return next
		}
		limit, ok := cfg.Stages[rt.Stage()]
		if !ok {
			limit = cfg.Event
		}
		rt.Limit(limit)
		rt.LimitMessage(cfg.Message)
		return next
	}
}

// check returns an error if the configuration is not valid.
func (cfg *TimeoutConfig) check() error {
	shortest := min(cfg.Event, cfg.Message)
	for _, d := range cfg.Stages {
		shortest = min(shortest, d)
	}
	switch {
	case shortest < 0:
		return errors.New("TimeoutConfig has a negative time")
	case cfg.Event == 0 && cfg.Message == 0 && len(cfg.Stages) == 0:
		return errors.New("TimeoutConfig has no time")
	}
	return nil
}
