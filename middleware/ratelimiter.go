package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
)

// limiter is the state of one RateLimit, for all filters that it wraps.
type limiter struct {
	cfg     RateLimitConfig
	slots   func(*framework.Route) framework.Slot[countedMessage]
	filters func(*framework.Route) *rcptRoutes
	effect  effect
}

func newLimiter(cfg RateLimitConfig) *limiter {
	nowhere := ErrNoRcptHandler
	if !cfg.Recipients {
		nowhere = fmt.Errorf("counts messages, but wraps no handler from %v to %v", max(cfg.By.stage, framework.StageMail), framework.StageEndOfMessage)
	}
	return &limiter{
		cfg: cfg, effect: needsEffect(nowhere), slots: framework.OncePerFilter(framework.PerMessage[countedMessage]),
		filters: framework.OncePerFilter(func(*framework.Route) *rcptRoutes { return new(rcptRoutes) }),
	}
}

// counts reports whether events are counted at a route. Recipients that the MTA has refused
// do not count.
func (l *limiter) counts(rt *framework.Route) bool {
	switch stage := rt.Stage(); {
	case rt.Rejected():
		return false
	case l.cfg.Recipients:
		return stage == framework.StageRcpt
	default:
		return isMessageStage(stage) && stage >= l.cfg.By.stage
	}
}

// rcptRoutes selects the handler of Rcpt at which recipients are counted, if a
// filter has several: the first to be called, because they run in order.
type rcptRoutes struct {
	number   atomic.Int32 // of handlers
	counting atomic.Int32 // the number of the selected handler, from 1
}

// countedMessage says whether a message was counted, whether it exceeded the rate,
// and whether that was logged.
type countedMessage struct{ counted, over, logged bool }

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
		if routes.counting.CompareAndSwap(0, me) || routes.counting.Load() == me {
			if v, err := take(s, ev); err != nil || v != framework.Continue {
				return v, err
			}
		}
		return next(s, ev)
	}
}

// taker returns a function that counts an event of a route. It returns Continue,
// or Over if the event exceeds the rate.
func (l *limiter) taker(rt *framework.Route) framework.Handler {
	value, filter, slot, countFailure := l.cfg.By.bind(rt), rt.Filter(), l.slots(rt), rt.FailureCounter()
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
		if m := slot.Get(s); !m.logged && (err == nil || l.cfg.FailOpen) {
			m.logged = !errors.Is(err, ErrRateStorePaused) // once for a message, whatever the number of recipients
			attrs := append(appendHandler(nil, s, filter, ev.Stage(), true), slog.String("by", l.cfg.By.name))
			if err == nil {
				attrs = append(attrs, slog.String("key", Printable(key, maxKey)), slog.Duration("wait", wait))
			}
			logLimited(s, attrs, err)
		}
		switch {
		case err == nil:
			return l.cfg.Over, nil
		case l.cfg.FailOpen:
			countFailure(s)
			return framework.Continue, nil
		}
		return framework.Continue, err
	}
}

// logLimited logs that the rate was exceeded, or the error of a store that failed.
func logLimited(s *framework.Session, attrs []slog.Attr, err error) {
	log := s.BoundedLogger(nil)
	if err == nil {
		log.LogAttrs(s.Context(), slog.LevelInfo, "rate limit exceeded", attrs...)
		return
	}
	level := slog.LevelWarn
	if errors.Is(err, ErrRateStorePaused) {
		level = slog.LevelDebug
	}
	attrs = append(attrs, slog.Any("error", err))
	log.LogAttrs(s.Context(), level, "rate store failed; message not limited", attrs...)
}
