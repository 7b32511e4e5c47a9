package middleware

import (
	"log/slog"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
)

// limiter is one RateLimit, on all lanes that it is put on.
type limiter struct {
	cfg   RateLimitConfig
	slots func(*framework.Route) framework.Slot[counted]
	shown atomic.Bool // some handler of Rcpt was shown a recipient
	lanes func(*framework.Route) *rcptRoutes
}

func newLimiter(cfg RateLimitConfig) *limiter {
	return &limiter{
		cfg: cfg, slots: framework.PerMessageOn[counted](),
		lanes: framework.OncePerFilter(func(*framework.Route) *rcptRoutes { return new(rcptRoutes) }),
	}
}

// rcptRoutes tells which handler of Rcpt counts, where a lane has several: they
// run in order, so that it is the one that is shown a recipient first.
type rcptRoutes struct {
	known  atomic.Int32
	counts atomic.Int32
}

// counted is what came of counting a message.
type counted struct{ done, over bool }

// aroundMessage counts a message once. At Rcpt, where a verdict is about one
// recipient, it is said to each of them.
func (l *limiter) aroundMessage(rt *framework.Route, next framework.Handler) framework.Handler {
	slot, take := l.slots(rt), l.taker(rt)
	each := rt.Stage() == framework.StageRcpt
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		m := slot.Get(s)
		switch {
		case !m.done:
			v, err := take(s, ev)
			m.done, m.over = true, v != framework.Continue
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
	take, lane := l.taker(rt), l.lanes(rt)
	me := lane.known.Add(1)
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		l.shown.Store(true)
		if lane.counts.CompareAndSwap(0, me) || lane.counts.Load() == me {
			if v, err := take(s, ev); err != nil || v != framework.Continue {
				return v, err
			}
		}
		return next(s, ev)
	}
}

// afterRcpt looks whether recipients were counted at all.
func (l *limiter) afterRcpt(next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		if !l.shown.Load() {
			return framework.Continue, ErrNoRcptHandler
		}
		return next(s, ev)
	}
}

// taker returns what counts an event of a route, and decides about it.
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
