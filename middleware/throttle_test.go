package middleware_test

import (
	"errors"
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

const busy = "451 4.3.2 mail filter is busy, try again later"

// gauge counts the running handlers, and their maximum.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.most = max(g.most, g.now)
}

// limits returns the two limiting middlewares, which must behave alike in these
// tests.
func limits() map[string]func(middleware.ThrottleConfig) framework.Middleware {
	return map[string]func(middleware.ThrottleConfig) framework.Middleware{
		"Throttle": middleware.Throttle, "MaxMessages": middleware.MaxMessages,
	}
}

// With any number of clients, at most Max are admitted. Waiting ones are
// admitted later, and those beyond the queue are refused.
func TestThrottle(t *testing.T) {
	t.Parallel()
	for name, limit := range limits() {
		for config, c := range map[string]struct {
			cfg              middleware.ThrottleConfig
			accepted, within int
			reply            string
		}{
			"nobody waits":      {middleware.ThrottleConfig{Max: 2}, 2, 1, busy},
			"some wait":         {middleware.ThrottleConfig{Max: 2, Queue: 3}, 5, 3, busy},
			"all wait":          {middleware.ThrottleConfig{Max: 2, Queue: 8}, 8, 4, ""},
			"one by one":        {middleware.ThrottleConfig{Max: 1, Queue: 7}, 8, 8, ""},
			"not for that long": {middleware.ThrottleConfig{Max: 2, Queue: 8, Wait: 1500 * time.Millisecond}, 4, 2, busy},
			"told otherwise":    {middleware.ThrottleConfig{Max: 7, Full: framework.MustReply(421, "", "later")}, 7, 1, "421 later"},
		} {
			t.Run(name+"/"+config, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var inside gauge
					r := framework.NewRouter()
					r.With(limit(c.cfg)).OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
						inside.add(1)
						defer inside.add(-1)
						time.Sleep(time.Second)
						return framework.Continue, nil
					})
					srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.MessageTimeout = time.Minute }))
					accepted, began := 0, time.Now()
					var clients sync.WaitGroup
					var mu sync.Mutex
					for range 8 {
						conn := srv.Dial(t)
						clients.Go(func() {
							res := conn.Run(t, miltertest.Message(letter))
							mu.Lock()
							defer mu.Unlock()
							if res.Delivered() {
								accepted++
							} else {
								assert.Equal(t, c.reply, res.Reply())
							}
						})
					}
					clients.Wait()
					assert.Equal(t, c.accepted, accepted)
					assert.LessOrEqual(t, inside.most, c.cfg.Max)
					assert.Equal(t, time.Duration(c.within)*time.Second, time.Since(began).Truncate(time.Second))
					srv.Dial(t).Run(t, miltertest.Message(letter)).AssertAccepted(t)
				})
			})
		}
	}
}

// After the end of a message, however it ends, the next message is admitted at
// once.
func TestThrottleLeaksNoPlace(t *testing.T) {
	t.Parallel()
	ctxOver := func(s *framework.Session) error { <-s.Context().Done(); return s.Context().Err() }
	for name, limit := range limits() {
		for how, c := range map[string]struct {
			handler func(s *framework.Session, free <-chan struct{}) (framework.Verdict, error)
			mta     func(t *testing.T, conn *miltertest.Conn)
		}{
			"error": {func(*framework.Session, <-chan struct{}) (framework.Verdict, error) {
				return framework.Continue, errors.New("boom")
			}, nil},
			"panic": {func(*framework.Session, <-chan struct{}) (framework.Verdict, error) { panic("boom") }, nil},
			"accept": {func(*framework.Session, <-chan struct{}) (framework.Verdict, error) {
				return framework.Accept, nil
			}, nil},
			"reject":  {func(*framework.Session, <-chan struct{}) (framework.Verdict, error) { return framework.Reject, nil }, nil},
			"discard": {func(*framework.Session, <-chan struct{}) (framework.Verdict, error) { return framework.Discard, nil }, nil},
			"deadline": {func(s *framework.Session, _ <-chan struct{}) (framework.Verdict, error) {
				return framework.Continue, ctxOver(s)
			}, nil},
			"hang": {func(_ *framework.Session, free <-chan struct{}) (framework.Verdict, error) {
				<-free
				return framework.Continue, nil
			}, nil},
			"abort":        {nil, func(t *testing.T, conn *miltertest.Conn) { t.Helper(); require.NoError(t, conn.Abort()) }},
			"quit":         {nil, func(t *testing.T, conn *miltertest.Conn) { t.Helper(); require.NoError(t, conn.Quit(t.Context())) }},
			"next session": {nil, func(t *testing.T, conn *miltertest.Conn) { t.Helper(); require.NoError(t, conn.QuitNC()) }},
			"lost":         {nil, func(t *testing.T, conn *miltertest.Conn) { t.Helper(); require.NoError(t, conn.Close()) }},
			"protocol error": {nil, func(t *testing.T, conn *miltertest.Conn) {
				t.Helper()
				require.NoError(t, conn.Raw(t.Context(), []byte{0, 0, 0, 1, '!'}))
			}},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { testNoLeak(t, limit, c.handler, c.mta) })
			})
		}
	}
}

func testNoLeak(t *testing.T, limit func(middleware.ThrottleConfig) framework.Middleware,
	handler func(*framework.Session, <-chan struct{}) (framework.Verdict, error), end func(*testing.T, *miltertest.Conn),
) {
	t.Helper()
	var failed atomic.Bool
	free := make(chan struct{})
	r := framework.NewRouter()
	r.Use(limit(middleware.ThrottleConfig{Max: 1}))
	everyStage(r, true)
	r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
		if handler != nil && failed.CompareAndSwap(false, true) {
			return handler(s, free)
		}
		return framework.Continue, nil
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	if handler != nil {
		conn.Run(t, miltertest.Message(letter))
	} else {
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		_, err = conn.Rcpt(t.Context(), "<b@example.org>")
		require.NoError(t, err)
		end(t, conn)
		_ = conn.Flush(t.Context())
	}
	synctest.Wait()
	other := srv.Dial(t)
	for range 2 {
		other.Run(t, miltertest.Message(letter)).AssertAccepted(t)
	}
	close(free)
}

// A waiting message is admitted when the handler of another exceeds its deadline.
func TestThrottleTakesThePlaceOfOneThatHangs(t *testing.T) {
	t.Parallel()
	for name, limit := range limits() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var hangs atomic.Bool
				free := make(chan struct{})
				r := framework.NewRouter()
				r.With(limit(middleware.ThrottleConfig{Max: 1, Queue: 1})).OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
					if hangs.CompareAndSwap(false, true) {
						<-free
					}
					return framework.Continue, nil
				})
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.HangGrace = time.Hour }))
				stuck, waits := srv.Dial(t), srv.Dial(t)
				var group sync.WaitGroup
				group.Go(func() { stuck.Run(t, miltertest.Message(letter)).AssertAccepted(t) })
				time.Sleep(3 * time.Second)
				began := time.Now()
				waits.Run(t, miltertest.Message(letter)).AssertAccepted(t)
				assert.InDelta(t, 3, time.Since(began).Seconds(), 2, "5 seconds a handler has, 3 were over")
				close(free)
				group.Wait()
				for range 2 {
					waits.Run(t, miltertest.Message(letter)).AssertAccepted(t)
				}
			})
		})
	}
}

// A waiting message is admitted as soon as another ends, and not at the next
// reap.
func TestThrottleHandsOver(t *testing.T) {
	t.Parallel()
	for name, limit := range limits() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				r.With(limit(middleware.ThrottleConfig{Max: 1, Queue: 1})).OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
					time.Sleep(1100 * time.Millisecond)
					return framework.Continue, nil
				})
				srv := miltertest.NewRouterServer(t, r)
				began := time.Now()
				var group sync.WaitGroup
				for range 2 {
					conn := srv.Dial(t)
					group.Go(func() { conn.Run(t, miltertest.Message(letter)).AssertAccepted(t) })
				}
				group.Wait()
				assert.Equal(t, 2200*time.Millisecond, time.Since(began))
			})
		})
	}
}

// A message that waits longer than a handler may take is refused, and leaves
// the queue.
func TestThrottleWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for name, limit := range limits() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				r.With(limit(middleware.ThrottleConfig{Max: 1, Queue: 9})).OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
					time.Sleep(2 * time.Second)
					return framework.Continue, nil
				})
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.HangGrace = time.Hour }))
				var group sync.WaitGroup
				var mu sync.Mutex
				replies := map[string]int{}
				for range 8 {
					conn := srv.Dial(t)
					group.Go(func() {
						res := conn.Run(t, miltertest.Message(letter))
						mu.Lock()
						defer mu.Unlock()
						replies[res.Reply()]++
					})
				}
				group.Wait()
				assert.Equal(t, 8, replies[""]+replies[busy])
				assert.GreaterOrEqual(t, replies[busy], 1, "a handler has 5 seconds, and each takes 2")
			})
		})
	}
}

// Each filter has a separate limit, and cleanup handlers have none. A handler
// that is wrapped twice counts once.
func TestThrottleLanes(t *testing.T) {
	t.Parallel()
	for name, limit := range limits() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mw := limit(middleware.ThrottleConfig{Max: 1})
			r := framework.NewRouter()
			r.Use(mw, mw)
			r.Mount(filter("a", func(r *framework.Router) { everyStage(r, true) }))
			r.Mount(filter("b", func(r *framework.Router) { everyStage(r, false) }))
			srv := miltertest.NewRouterServer(t, r)
			for range 2 {
				srv.Dial(t).Run(t, miltertest.Message(letter)).AssertAccepted(t)
			}
		})
	}
}

// A message that is refused at an observer is refused at the next stage that
// answers.
func TestThrottleOnObservers(t *testing.T) {
	t.Parallel()
	for name, limit := range limits() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				r.With(limit(middleware.ThrottleConfig{Max: 1})).ObserveHeader(func(*framework.Session, *framework.Header) error {
					time.Sleep(time.Second)
					return nil
				})
				r.OnEndOfMessage(goesOn)
				srv := miltertest.NewRouterServer(t, r)
				one, two := srv.Dial(t), srv.Dial(t)
				var group sync.WaitGroup
				group.Go(func() { one.Run(t, miltertest.Message(letter)).AssertAccepted(t) })
				time.Sleep(time.Second / 2)
				res := two.Run(t, miltertest.Message(letter))
				assert.Equal(t, busy, res.Reply())
				assert.Equal(t, mta.StageEndOfMessage, res.RefusedAt())
				group.Wait()
			})
		})
	}
}

func TestThrottleMistakes(t *testing.T) {
	t.Parallel()
	for name, limit := range limits() {
		mistakes(t, limit(middleware.ThrottleConfig{}), name+": ThrottleConfig.Max is 0, and must be at least 1")
		mistakes(t, limit(middleware.ThrottleConfig{Max: 1, Queue: -1}), name+": ThrottleConfig.Queue and Wait must not be negative")
		mistakes(t, limit(middleware.ThrottleConfig{Max: 1, Full: framework.Accept}), name+": ThrottleConfig.Full is accept, which does not refuse the message")
	}
}
