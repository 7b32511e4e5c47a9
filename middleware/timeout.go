package middleware

import (
	"time"

	"github.com/sluicemail/sluice/framework"
)

// TimeoutConfig says how long the handlers under [Timeout] may take. A time
// that is zero bounds nothing; one that is longer than the server's own limit
// (HandlerTimeout and MessageTimeout of [framework.Config]) changes nothing.
type TimeoutConfig struct {
	// Event bounds the handlers of one event, at any stage that Stages does
	// not name. At the end of the message it bounds the content that is
	// shown again there, too.
	Event time.Duration
	// Stages bounds the handlers of one event by its stage.
	Stages map[framework.Stage]time.Duration
	// Message bounds the time from the message's begin to the end of the
	// filter's handlers. The time in which the client is slow counts, too.
	Message time.Duration
}

// Timeout bounds the time of a filter's handlers. When it is over, the
// session's context ends with [framework.ErrHandlerTimeout]; a handler heeds
// that and returns an error, for which the MTA gets the policy's verdict. One
// that does not is given up, and so is its connection.
//
// The handlers of a filter that stand at one stage share the time: the shortest
// limit among them holds for all. Abort and Close have no verdict to give, and
// are bounded as well.
//
// It adds nothing to the plan, and nothing to the cost of an event.
func Timeout(cfg TimeoutConfig) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if wrong := cfg.check(); wrong != "" {
			rt.Errorf("Timeout: %s", wrong)
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

// check returns what is wrong with the configuration, or "".
func (cfg *TimeoutConfig) check() string {
	shortest := min(cfg.Event, cfg.Message)
	for _, d := range cfg.Stages {
		shortest = min(shortest, d)
	}
	switch {
	case shortest < 0:
		return "a time is negative"
	case cfg.Event == 0 && cfg.Message == 0 && len(cfg.Stages) == 0:
		return "no time is given"
	}
	return ""
}
