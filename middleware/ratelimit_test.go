package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/wire/mta"
)

const exceeded = "451 4.7.1 rate limit exceeded, try again later"

// ledger is a store that records the keys, and allows all events.
type ledger struct {
	mu   sync.Mutex
	keys []string
	err  error
}

func (l *ledger) Take(_ context.Context, key string, _ middleware.Rate) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys = append(l.keys, key)
	return 0, l.err
}

// The key and the number of events, for handlers of every kind and stage.
func TestRateLimitKeys(t *testing.T) {
	t.Parallel()
	msg := func() *mta.Message {
		return miltertest.Message(letter, miltertest.Client("2001:db8:1:2:3::4"), miltertest.From("Ann@Example.ORG"),
			miltertest.To("Bob@example.net", "carol@EXAMPLE.com."), miltertest.Auth("ANN"), miltertest.QueueID("4Q"))
	}
	early := func(r *framework.Router, answers bool) { everyStage(r, answers) }
	late := func(r *framework.Router, _ bool) { r.OnEndOfMessage(goesOn) }
	for name, c := range map[string]struct {
		by       middleware.Key
		rcpts    bool
		register func(r *framework.Router, answers bool)
		want     []string
	}{
		"client":                {middleware.ByClient(), false, early, []string{"main|client|9/1h0m0s|2001:db8:1:2::/64"}},
		"client, late":          {middleware.ByClient(), false, late, []string{"main|client|9/1h0m0s|2001:db8:1:2::/64"}},
		"client's network":      {middleware.ByClientNetwork(24, 32), false, early, []string{"main|client|9/1h0m0s|2001:db8::/32"}},
		"sender":                {middleware.BySender(), false, early, []string{"main|sender|9/1h0m0s|ann@example.org"}},
		"sender, late":          {middleware.BySender(), false, late, []string{"main|sender|9/1h0m0s|ann@example.org"}},
		"sender's domain":       {middleware.BySenderDomain(), false, early, []string{"main|sender-domain|9/1h0m0s|example.org"}},
		"sender's domain, late": {middleware.BySenderDomain(), false, late, []string{"main|sender-domain|9/1h0m0s|example.org"}},
		"user":                  {middleware.ByAuthUser(), false, early, []string{"main|user|9/1h0m0s|ann"}},
		"user, late":            {middleware.ByAuthUser(), false, late, []string{"main|user|9/1h0m0s|ann"}},
		"queue id":              {middleware.ByQueueID(), false, early, []string{"main|queue|9/1h0m0s|4q"}},
		"recipients":            {middleware.ByRecipient(), false, early, []string{"main|recipient|9/1h0m0s|bob@example.net", "main|recipient|9/1h0m0s|carol@example.com."}},
		"recipients' domains":   {middleware.ByRecipientDomain(), false, early, []string{"main|recipient-domain|9/1h0m0s|example.net", "main|recipient-domain|9/1h0m0s|example.com"}},
		"user's recipients":     {middleware.ByAuthUser(), true, early, []string{"main|user|9/1h0m0s|ann", "main|user|9/1h0m0s|ann"}},
	} {
		for _, answers := range []bool{true, false} {
			t.Run(fmt.Sprint(name, "/answers=", answers), func(t *testing.T) {
				t.Parallel()
				store := &ledger{}
				r := framework.NewRouter()
				r.Use(middleware.RateLimit(middleware.RateLimitConfig{
					Rate: middleware.Rate{Events: 9, Per: time.Hour}, By: c.by, Recipients: c.rcpts, Store: store,
				}))
				c.register(r, answers)
				c.register(r, answers)
				miltertest.RunRouter(t, r, msg()).AssertAccepted(t)
				assert.Equal(t, c.want, store.keys)
			})
		}
	}
}

// Messages without a key are not limited.
func TestRateLimitWithoutKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by  middleware.Key
		opt miltertest.MessageOption
	}{
		"a bounce":             {middleware.BySender(), miltertest.From("")},
		"a bounce's domain":    {middleware.BySenderDomain(), miltertest.From("")},
		"nobody logged in":     {middleware.ByAuthUser(), miltertest.Helo("x")},
		"a client on a socket": {middleware.ByClient(), miltertest.Macro(framework.StageConnect, "client_addr", "local")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &ledger{}
			r := framework.NewRouter()
			r.Use(middleware.RateLimit(middleware.RateLimitConfig{Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: c.by, Store: store}))
			r.OnEndOfMessage(goesOn)
			miltertest.RunRouter(t, r, miltertest.Message(letter, c.opt)).AssertAccepted(t)
			assert.Empty(t, store.keys)
		})
	}
}

// Long values make keys of bounded length.
func TestRateLimitHostileKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by    middleware.Key
		macro string
	}{
		"client": {middleware.ByClient(), "client_addr"}, "sender": {middleware.BySender(), "mail_addr"},
		"domain": {middleware.BySenderDomain(), "mail_addr"}, "user": {middleware.ByAuthUser(), "auth_authen"},
		"queue": {middleware.ByQueueID(), "i"},
	} {
		for _, value := range []string{strings.Repeat("x", 60_000), strings.Repeat("@", 60_000), "a@" + strings.Repeat("\xff\n", 30_000), "fe80::1%" + strings.Repeat("z", 60_000)} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				store := &ledger{}
				r := framework.NewRouter()
				r.Use(middleware.RateLimit(middleware.RateLimitConfig{Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: c.by, Store: store}))
				r.OnEndOfMessage(goesOn)
				stage, ok := middleware.MacroName(c.macro).Stage()
				require.True(t, ok)
				miltertest.RunRouter(t, r, miltertest.Message(letter, miltertest.Macro(stage, c.macro, value))).AssertAccepted(t)
				for _, key := range store.keys {
					assert.LessOrEqual(t, len(key), 400)
				}
			})
		}
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Use(middleware.RateLimit(middleware.RateLimitConfig{Rate: middleware.Rate{Events: 2, Per: time.Hour}, By: middleware.BySender()}))
		r.OnMail(goesOn)
		r.OnEndOfMessage(goesOn)
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		send := func(from string) *miltertest.Result {
			return conn.Run(t, miltertest.Message(letter, miltertest.From(from)))
		}
		send("a@example.org").AssertAccepted(t)
		send("A@example.org").AssertAccepted(t)
		res := send("a@example.org")
		assert.Equal(t, exceeded, res.Reply())
		assert.Equal(t, mta.StageMail, res.RefusedAt())
		line, ok := res.Logs.Find("rate limit exceeded")
		require.True(t, ok)
		wait, _ := miltertest.LogAttr(line, "wait")
		assert.Equal(t, 30*time.Minute, wait.Duration())
		send("b@example.org").AssertAccepted(t)
		time.Sleep(30*time.Minute - time.Second)
		assert.Equal(t, exceeded, send("a@example.org").Reply())
		time.Sleep(time.Second)
		send("a@example.org").AssertAccepted(t)
		assert.Equal(t, exceeded, send("a@example.org").Reply())
	})
}

// Each recipient is refused separately.
func TestRateLimitRecipients(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 2, Per: time.Hour}, By: middleware.ByRecipientDomain(), Over: framework.MustReply(452, "4.5.3", "later"),
	}))
	r.OnRcpt(goesOn)
	r.OnRcpt(goesOn)
	r.OnEndOfMessage(goesOn)
	to := miltertest.To("a@x.example", "b@x.example", "c@x.example", "d@y.example")
	res := miltertest.RunRouter(t, r, miltertest.Message(letter, to))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"a@x.example", "b@x.example", "d@y.example"}, res.Recipients())
	require.Len(t, res.Refused, 1)
	assert.Equal(t, []string{"452 4.5.3 later"}, res.Refused[0].Response.Lines())
}

// A handler of Rcpt of one filter is enough to count recipients, also if a condition skips
// it.
func TestRateLimitWithoutRcptHandler(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	never := middleware.RecipientIn(r.WantEnvelope(), "elsewhere.example")
	r.Use(middleware.When(middleware.Not(never)), middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 9, Per: time.Hour}, By: middleware.ByRecipient(),
	}))
	r.Mount(filter("ends", func(r *framework.Router) { r.OnEndOfMessage(goesOn) }))
	r.Mount(filter("rcpt", func(r *framework.Router) { r.OnRcpt(goesOn) }))
	miltertest.RunRouter(t, r, miltertest.Message(letter)).AssertAccepted(t)
}

// If the store fails, mail passes or is refused as configured. Either is counted, and
// logged, but not again and again while the store pauses.
func TestRateLimitStoreFails(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	paused := fmt.Errorf("%w: %w", middleware.ErrRateStorePaused, away)
	for name, c := range map[string]struct {
		err    error
		open   bool
		level  slog.Level
		failed uint64 // open
	}{
		"open":           {away, true, slog.LevelWarn, 1},
		"open, paused":   {paused, true, slog.LevelDebug, 1},
		"closed":         {away, false, slog.LevelError, 0},
		"closed, paused": {paused, false, slog.LevelError, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Use(middleware.RateLimit(middleware.RateLimitConfig{
				Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: middleware.BySender(), FailOpen: c.open,
				Store: &ledger{err: c.err},
			}))
			r.OnMail(goesOn)
			srv := miltertest.NewRouterServer(t, r)
			res := srv.Dial(t).Run(t, miltertest.Message(letter))
			assert.Equal(t, c.open, res.Delivered())
			line := map[bool]string{true: "rate store failed; message not limited", false: "handler failed"}[c.open]
			record, logged := res.Logs.Find(line)
			require.True(t, logged)
			assert.Equal(t, c.level, record.Level)
			assert.Contains(t, res.Logs.String(), "away")
			assert.Equal(t, uint64(1), srv.Stats().HandlerErrors)
			assert.Equal(t, c.failed, srv.Stats().FailedOpen)
		})
	}
}

func TestRateLimitMistakes(t *testing.T) {
	t.Parallel()
	good := middleware.RateLimitConfig{Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: middleware.BySender()}
	for text, change := range map[string]func(cfg *middleware.RateLimitConfig){
		"want positive Events and Per":                        func(cfg *middleware.RateLimitConfig) { cfg.Rate.Events = 0 },
		"Rate is the zero value; without a lim":               func(cfg *middleware.RateLimitConfig) { cfg.Rate = middleware.Rate{} },
		"with a burst of -1":                                  func(cfg *middleware.RateLimitConfig) { cfg.Rate.Burst = -1 },
		"more than one event in a microsecond":                func(cfg *middleware.RateLimitConfig) { cfg.Rate = middleware.Rate{Events: 2000, Per: time.Millisecond} },
		"more than 100 years":                                 func(cfg *middleware.RateLimitConfig) { cfg.Rate.Per = math.MaxInt64 },
		"128 bits, not 64 and 24":                             func(cfg *middleware.RateLimitConfig) { cfg.By = middleware.ByClientNetwork(64, 24) },
		"the burst is too large":                              func(cfg *middleware.RateLimitConfig) { cfg.Rate.Burst = 1 << 40 },
		"RateLimit: Key is the zero value":                    func(cfg *middleware.RateLimitConfig) { cfg.By = middleware.Key{} },
		"RateLimitConfig.Over is accept, which does not refu": func(cfg *middleware.RateLimitConfig) { cfg.Over = framework.Accept },
	} {
		cfg := good
		change(&cfg)
		mistakes(t, middleware.RateLimit(cfg), text)
	}
}

func TestMemoryRates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rate  middleware.Rate
		waits []time.Duration // of one event each ten minutes
	}{
		"as many as come":    {middleware.Rate{Events: 6, Per: time.Hour}, []time.Duration{0, 0, 0, 0, 0, 0, 0, 0}},
		"too many":           {middleware.Rate{Events: 2, Per: time.Hour}, []time.Duration{0, 0, 10 * time.Minute, 0, 20 * time.Minute, 10 * time.Minute, 0}},
		"a burst of one":     {middleware.Rate{Events: 3, Per: time.Hour, Burst: 1}, []time.Duration{0, 10 * time.Minute, 0, 10 * time.Minute, 0}},
		"a burst beyond all": {middleware.Rate{Events: 1, Per: time.Hour, Burst: 4}, []time.Duration{0, 0, 0, 0, 20 * time.Minute, 10 * time.Minute, 0, 50 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := middleware.NewMemoryRates(0)
				for i, want := range c.waits {
					wait, err := store.Take(t.Context(), "k", c.rate)
					require.NoError(t, err)
					assert.Equal(t, want, wait, "%d", i)
					time.Sleep(10 * time.Minute)
				}
			})
		})
	}
}

// A store does not exceed its size, deletes keys that make no difference, and
// then the one that would be deleted next.
func TestMemoryRatesIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rate := middleware.Rate{Events: 3, Per: 3 * time.Hour}
		store := middleware.NewMemoryRates(100)
		for range 3 {
			_, _ = store.Take(t.Context(), "heavy", rate)
		}
		for i := range 10_000 {
			wait, err := store.Take(t.Context(), fmt.Sprint("light ", i), rate)
			require.NoError(t, err)
			require.Zero(t, wait)
			require.LessOrEqual(t, store.Len(), 100)
		}
		wait, _ := store.Take(t.Context(), "heavy", rate)
		assert.Equal(t, time.Hour, wait, "who has sent much is not forgotten for those who have sent little")
		time.Sleep(4 * time.Hour)
		for range 30 {
			_, _ = store.Take(t.Context(), "k", rate)
		}
		assert.Equal(t, 1, store.Len())
	})
}

func TestMemoryRatesAtOnce(t *testing.T) {
	t.Parallel()
	store := middleware.NewMemoryRates(1000)
	var passed atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				if wait, _ := store.Take(t.Context(), "k", middleware.Rate{Events: 500, Per: 1000 * time.Hour}); wait == 0 {
					passed.Add(1)
				}
			}
		})
	}
	group.Wait()
	assert.Equal(t, int32(500), passed.Load())
}

// The store agrees with a simple model, for random events.
func FuzzMemoryRates(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 0, 0, 9, 200}, uint8(3), uint8(2))
	f.Add([]byte{0, 0, 0, 0, 255, 0, 0}, uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, steps []byte, events, burst uint8) {
		if len(steps) > 100 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			rate := middleware.Rate{Events: int(events) + 1, Per: time.Hour, Burst: int(burst)}
			store := middleware.NewMemoryRates(8)
			owed, last := time.Duration(0), time.Now()
			for _, step := range steps {
				time.Sleep(time.Duration(step) * time.Minute)
				owed, last = max(0, owed-time.Since(last)), time.Now()
				wait, err := store.Take(t.Context(), "k", rate)
				require.NoError(t, err)
				over := owed + rate.Interval() - rate.Room()
				require.Equal(t, max(0, over), wait)
				if over <= 0 {
					owed += rate.Interval()
				}
			}
		})
	})
}

// A message that is counted at Rcpt is refused for all its recipients.
func TestRateLimitOfMessagesAtRcpt(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.RateLimit(middleware.RateLimitConfig{Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: middleware.BySender()}))
	r.OnRcpt(goesOn)
	r.OnEndOfMessage(goesOn)
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	msg := miltertest.Message(letter, miltertest.To("b@x.example", "c@x.example"))
	conn.Run(t, msg).AssertAccepted(t)
	res := conn.Run(t, msg)
	assert.False(t, res.Delivered())
	require.Len(t, res.Refused, 2)
	assert.Equal(t, exceeded, res.Refused[1].Response.Lines()[0])
}
