package middleware

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Rate is the number of events that are allowed in a period. Up to Burst events
// may come at once. After that, one more event is allowed every Per/Events. The zero Rate
// is a mistake. It does not mean that there is no limit.
type Rate struct {
	// Events is the number of events in the period, at least 1.
	Events int
	// Per is the period, at most 100 years. Per/Events must be at least a
	// microsecond.
	Per time.Duration
	// Burst is the number of events that may come at once. 0 means Events.
	Burst int
}

// Interval returns the time after which one more event is allowed: Per/Events.
func (r Rate) Interval() time.Duration { return r.Per / time.Duration(r.Events) }

// Room returns how much earlier than at a steady rate an event may come: Burst
// times Interval.
func (r Rate) Room() time.Duration {
	if r.Burst > 0 {
		return time.Duration(r.Burst) * r.Interval()
	}
	return time.Duration(r.Events) * r.Interval()
}

// String returns the rate in the form "100/1h0m0s+20": the number of events, the
// period and, unless it is 0, the burst.
func (r Rate) String() string {
	if r.Burst > 0 {
		return fmt.Sprintf("%d/%v+%d", r.Events, r.Per, r.Burst)
	}
	return fmt.Sprintf("%d/%v", r.Events, r.Per)
}

// check returns an error if the rate is not valid.
func (r Rate) check() error {
	switch {
	case r == (Rate{}):
		return errors.New("RateLimitConfig.Rate is the zero value; without a limit, leave out the RateLimit")
	case r.Events < 1 || r.Per <= 0 || r.Burst < 0:
		return fmt.Errorf("rate of %d events in %v with a burst of %d: want positive Events and Per, and no negative Burst", r.Events, r.Per, r.Burst)
	case r.Interval() < time.Microsecond:
		return fmt.Errorf("rate %v: more than one event in a microsecond", r)
	case int64(r.Burst) > math.MaxInt64/int64(r.Interval()):
		return fmt.Errorf("rate %v: the burst is too large", r)
	case r.Per > longestRate || r.Room() > longestRate:
		return fmt.Errorf("rate %v: the period or the burst covers more than 100 years", r)
	}
	return nil
}

// longestRate is the limit of Per and Room. It prevents overflows of sums of
// durations.
const longestRate = 100 * 365 * 24 * time.Hour

// RateStore counts events by key. [NewMemoryRates] returns a store for one
// process. The package redisstore has a store that several machines share. A
// RateStore must be safe for concurrent use.
type RateStore interface {
	// Take counts one event of the key and returns 0. If the event would
	// exceed the rate, Take does not count it, and returns the time after
	// which it would be allowed. Take returns early with an error if the
	// context ends. All calls for a key have the same rate. An error that
	// wraps ErrRateStorePaused says that Take did not try.
	Take(ctx context.Context, key string, rate Rate) (wait time.Duration, err error)
}

// ErrRateStorePaused is the error of a [RateStore] that does not try for some time,
// because it failed before. A store that returns it logs the pause itself. [RateLimit]
// therefore logs it only at the level debug.
var ErrRateStorePaused = errors.New("middleware: the rate store is paused after failures")

// RateLimitConfig configures [RateLimit].
type RateLimitConfig struct {
	// Rate is the allowed rate of each value of the key. It is required. A filter whose
	// configuration says "no limit" must not add the RateLimit.
	Rate Rate
	// By is the key: messages with the same value are counted together. A
	// message without a value is not limited, such as one of a client that
	// did not authenticate if the key is [ByAuthUser].
	By Key
	// Recipients counts recipients instead of messages. It is implied by the
	// keys ByRecipient and ByRecipientDomain.
	Recipients bool
	// Store counts the events. Nil means a new store in memory, for at most
	// DefaultRateKeys keys.
	Store RateStore
	// FailOpen accepts the event if the store fails. RateLimit then logs a
	// warning, unless the error is ErrRateStorePaused, and counts the failure
	// in the FailedOpen of [framework.Stats]. Without FailOpen RateLimit
	// returns the store's error, and the filter's policy decides: see
	// [framework.Router.Mount].
	FailOpen bool
	// Over is the verdict on a message or recipient that exceeds the rate.
	// It must be a verdict that refuses. The zero value means 451 4.7.1,
	// "rate limit exceeded, try again later".
	Over framework.Verdict
}

// check returns an error if the configuration is not valid.
func (cfg *RateLimitConfig) check() error {
	if err := cfg.Rate.check(); err != nil {
		return err
	}
	if err := cfg.By.check(); err != nil {
		return err
	}
	if cfg.Over != framework.Continue && !cfg.Over.Refuses() {
		return fmt.Errorf("RateLimitConfig.Over is %v, which does not refuse the message", cfg.Over)
	}
	return nil
}

// withDefaults returns the configuration with defaults instead of zero values.
func (cfg RateLimitConfig) withDefaults() RateLimitConfig {
	if cfg.Store == nil {
		cfg.Store = NewMemoryRates(0)
	}
	if cfg.Over == framework.Continue {
		cfg.Over = framework.MustReply(451, "4.7.1", "rate limit exceeded, try again later")
	}
	cfg.Recipients = cfg.Recipients || cfg.By.stage == framework.StageRcpt
	return cfg
}

// ErrNoRcptHandler is the error of [framework.Router.Plan] for a [RateLimit] that counts
// recipients but wraps no handler of Rcpt.
var ErrNoRcptHandler = errors.New("middleware: RateLimit counts recipients, but wraps no handler of Rcpt")

// RateLimit limits how many messages or recipients a filter accepts for each
// value of a key, such as a client, a sender, a user or the domain of a
// recipient.
//
// RateLimit counts a message once, at its first wrapped handler at which the
// key is known. If the rate is exceeded, it refuses the message there. If that
// handler is one of Rcpt, it refuses each recipient of the message.
//
// RateLimit counts recipients at the handlers of Rcpt, and refuses only the
// recipient that exceeds the rate.
//
// It must wrap a handler at which it counts, of at least one filter of the router: one
// of Rcpt for recipients, and one at which the key is known for messages. Otherwise it
// would limit nothing, and [framework.Router.Plan] returns an error, which is
// [ErrNoRcptHandler] for recipients. [framework.AsFilter] mounts a RateLimit without a
// handler to wrap.
//
// It does not count what it refuses. It counts messages and recipients that the client
// gives up later, or that another filter refuses later. It logs each refusal with the value
// of the key, which may be a mail address.
//
// It adds a macro to the plan, unless the wrapped handlers' events have the key:
// {client_addr} at Connect, {mail_addr} or {auth_authen} at Mail, or i at Data.
func RateLimit(cfg RateLimitConfig) framework.Middleware {
	err := cfg.check()
	l := newLimiter(cfg.withDefaults())
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		switch {
		case err != nil:
			rt.Errorf("%w", err)
		case !l.effect.watch(rt, l.counts(rt)):
		case l.cfg.Recipients:
			return l.aroundRcpt(rt, next)
		default:
			return l.aroundMessage(rt, next)
		}
		return next
	}
}
