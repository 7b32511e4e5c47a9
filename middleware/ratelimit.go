package middleware

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Rate is how many events are allowed in a time. They may come all at once, up
// to Burst; each is allowed again a Per/Events later.
type Rate struct {
	// Events is how many are allowed in the time Per, at least 1.
	Events int
	// Per is the time, up to 100 years. Per/Events must not be shorter than a
	// microsecond.
	Per time.Duration
	// Burst is how many may come at once. 0 means Events.
	Burst int
}

// Interval returns the time after which one more event is allowed.
func (r Rate) Interval() time.Duration { return r.Per / time.Duration(r.Events) }

// Room returns how far ahead of its time an event may come: Burst times
// Interval.
func (r Rate) Room() time.Duration {
	if r.Burst > 0 {
		return time.Duration(r.Burst) * r.Interval()
	}
	return time.Duration(r.Events) * r.Interval()
}

// String returns the rate such as "100/1h0m0s+20".
func (r Rate) String() string {
	if r.Burst > 0 {
		return fmt.Sprintf("%d/%v+%d", r.Events, r.Per, r.Burst)
	}
	return fmt.Sprintf("%d/%v", r.Events, r.Per)
}

// check returns what is wrong with the rate, or "".
func (r Rate) check() string {
	switch {
	case r.Events < 1 || r.Per <= 0 || r.Burst < 0:
		return fmt.Sprintf("the rate %d in %v with a burst of %d; Events and Per must be positive", r.Events, r.Per, r.Burst)
	case r.Interval() < time.Microsecond:
		return fmt.Sprintf("the rate %v: more than one in a microsecond", r)
	case int64(r.Burst) > math.MaxInt64/int64(r.Interval()):
		return fmt.Sprintf("the rate %v: the burst is too large", r)
	case r.Per > longestRate || r.Room() > longestRate:
		return fmt.Sprintf("the rate %v: it looks further ahead than 100 years", r)
	}
	return ""
}

// longestRate keeps sums of times within what numbers hold.
const longestRate = 100 * 365 * 24 * time.Hour

// RateStore counts events by key. [NewMemoryRates] makes one for a single
// process; the package redisstore has one that several machines share. Its
// methods are called from many goroutines.
type RateStore interface {
	// Take counts one event of the key and returns 0, or, when that would
	// exceed the rate, counts nothing and returns how long to wait until it
	// would not. It ends early when the context does. The rate of a key is
	// always the same.
	Take(ctx context.Context, key string, rate Rate) (wait time.Duration, err error)
}

// RateLimitConfig says what [RateLimit] counts, and what becomes of the rest.
type RateLimitConfig struct {
	// Rate is what is allowed for each key.
	Rate Rate
	// By is what is counted together. Messages that have no such key, as
	// those of clients that did not log in have no user, are not limited.
	By Key
	// Recipients counts recipients instead of messages. The keys ByRecipient
	// and ByRecipientDomain always do.
	Recipients bool
	// Store counts. Nil means one in memory, of DefaultRateKeys keys.
	Store RateStore
	// FailOpen lets mail pass when the store fails, with a warning in the
	// log. Else the failure is the handler's, and the policy of its lane
	// decides: see [framework.Router.Mount].
	FailOpen bool
	// Over is the verdict on what exceeds the rate. It must be one that
	// refuses. The zero value means 451 4.7.1, "rate limit exceeded, try
	// again later".
	Over framework.Verdict
}

func (cfg *RateLimitConfig) check() string {
	switch {
	case cfg.Rate.check() != "":
		return cfg.Rate.check()
	case cfg.By.mistake() != "":
		return cfg.By.mistake()
	case cfg.Over != framework.Continue && !cfg.Over.Refuses():
		return fmt.Sprintf("Over is %v, which refuses nothing", cfg.Over)
	}
	return ""
}

// withDefaults returns the configuration with its zero values filled in.
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

// ErrNoRcptHandler is the error of a [RateLimit] by recipients, or of
// recipients, that is around no handler of Rcpt, and so counts nothing.
var ErrNoRcptHandler = errors.New("middleware: recipients are to be counted, but no handler of Rcpt is wrapped")

// RateLimit bounds how often a client, a sender, a recipient's domain or a user
// may send through a filter.
//
// A message is counted once, at the first of its handlers that is wrapped and
// at which the key is known; a refusal there is of the message. Recipients are
// counted at the handlers of Rcpt, so that there must be one among what is
// wrapped, and a refusal is of that recipient; else every message fails with
// [ErrNoRcptHandler]. What is over the rate is not counted, and logged with its
// key, which may be an address.
//
// Where the first of its handlers is one of Rcpt, a message is refused by way of
// each of its recipients.
//
// It adds to the plan a macro, unless the handlers' own events tell the key:
// {client_addr} of Connect, {mail_addr} or {auth_authen} of Mail, i of Data.
func RateLimit(cfg RateLimitConfig) framework.Middleware {
	wrong := cfg.check()
	l := newLimiter(cfg.withDefaults())
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		switch stage := rt.Stage(); {
		case wrong != "":
			rt.Errorf("RateLimit: %s", wrong)
		case !ofMessage(stage):
		case rt.Rejected(): // the MTA has refused it: it counts for nothing
		case l.cfg.Recipients && stage == framework.StageRcpt:
			return l.aroundRcpt(rt, next)
		case l.cfg.Recipients && stage > framework.StageRcpt:
			return l.afterRcpt(next)
		case l.cfg.Recipients:
		case stage >= l.cfg.By.stage:
			return l.aroundMessage(rt, next)
		}
		return next
	}
}
