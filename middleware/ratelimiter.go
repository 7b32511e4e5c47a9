package middleware

import (
	"log/slog"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
)

// limiter is the state of one RateLimit, for all filters that it wraps.
type limiter struct {
	cfg     RateLimitConfig
	slots   func(*framework.Route) framework.Slot[countedMessage]
	sawRcpt atomic.Bool // a wrapped handler of Rcpt has been called
	filters func(*framework.Route) *rcptRoutes
}

func newLimiter(cfg RateLimitConfig) *limiter {
	return &limiter{
		cfg: cfg, slots: framework.OncePerFilter(framework.PerMessage[countedMessage]),
		filters: framework.OncePerFilter(func(*framework.Route) *rcptRoutes { return new(rcptRoutes) }),
	}
}

// rcptRoutes selects the handler of Rcpt at which recipients are counted, if a
// filter has several: the first to be called, because they run in order.
type rcptRoutes struct {
	number   atomic.Int32 // of handlers
	counting atomic.Int32 // the number of the selected handler, from 1
}

// countedMessage says whether a message was counted, and whether it exceeded the
// rate.
type countedMessage struct{ counted, over bool }

// aroundMessage counts a message once. At Rcpt, where a verdict applies to one
// recipient, it gives the verdict for each recipient.
func (l *limiter) aroundMessage(rt *framework.Route, next framework.Handler) framework.Handler {
	slot, take := l.slots(rt), l.taker(rt)
	each := rt.Stage() == framework.StageRcpt
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		m := slot.Get(s)
		switch {
		case !m.counted:
			v, err := take(s, ev)
			m.counted, m.over = true, v != framework.Continue
			if err != nil || m.over {
				return v, err
			}
		case m.over && each:
			return l.cfg.Over, nil
		}
		return next(s, ev)
	}
}

func (l *limiter) aroundRcpt(rt *framework.Route, next framework.Handler) framework.Handler {
	take, routes := l.taker(rt), l.filters(rt)
	me := routes.number.Add(1)
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		l.sawRcpt.Store(true)
		if routes.counting.CompareAndSwap(0, me) || routes.counting.Load() == me {
			if v, err := take(s, ev); err != nil || v != framework.Continue {
				return v, err
			}
		}
		return next(s, ev)
	}
}

// afterRcpt fails if no recipient was ever counted.
func (l *limiter) afterRcpt(next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		if !l.sawRcpt.Load() {
			return framework.Continue, ErrNoRcptHandler
		}
		return next(s, ev)
	}
}

// taker returns a function that counts an event of a route. It returns Continue,
// or Over if the event exceeds the rate.
func (l *limiter) taker(rt *framework.Route) framework.Handler {
	value, filter := l.cfg.By.bind(rt), rt.Filter()
	prefix := filter + "|" + l.cfg.By.name + "|" + l.cfg.Rate.String() + "|"
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		key := value(s, ev)
		if key == "" {
			return framework.Continue, nil
		}
		wait, err := l.cfg.Store.Take(s.Context(), prefix+key, l.cfg.Rate)
		if err == nil && wait <= 0 {
			return framework.Continue, nil
		}
		attrs := append(appendHandler(nil, s, filter, ev.Stage(), true), slog.String("by", l.cfg.By.name))
		switch {
		case err == nil:
			attrs = append(attrs, slog.String("key", Printable(key, maxKey)), slog.Duration("wait", wait))
			s.Logger().LogAttrs(s.Context(), slog.LevelInfo, "rate limit exceeded", attrs...)
			return l.cfg.Over, nil
		case l.cfg.FailOpen:
			attrs = append(attrs, slog.Any("error", err))
			s.Logger().LogAttrs(s.Context(), slog.LevelWarn, "rate store failed; message not limited", attrs...)
			return framework.Continue, nil
		}
		return framework.Continue, err
	}
}
