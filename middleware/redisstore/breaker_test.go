package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/redisstore"
)

// flaky is a server that answers after a time, with an error or without.
type flaky struct {
	redis.Scripter
	mu    sync.Mutex
	err   error
	after time.Duration
	asked int
}

func (f *flaky) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	f.mu.Lock()
	f.asked++
	err, after := f.err, f.after
	f.mu.Unlock()
	time.Sleep(after)
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(int64(0))
	cmd.SetErr(err)
	return cmd
}

func (f *flaky) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// reply is an error that the server replied.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

const (
	pausing  = `level=WARN msg="rate store failed; paused until it answers" try_again_after=`
	answered = `level=INFO msg="rate store answers again"`
)

// Each step of an outage: how often the server was asked, and what was logged.
func TestPause(t *testing.T) {
	t.Parallel()
	away := errors.New("connection refused")
	type step struct {
		name   string
		wait   time.Duration // before the events
		server error
		events int
		asked  int // of them
		paused int // of them
	}
	for name, c := range map[string]struct {
		cfg   redisstore.Config
		steps []step
		lines []string
	}{
		"an outage": {steps: []step{
			{"before", 0, nil, 4, 4, 0},
			{"it goes away", 0, away, 10, 3, 7},
			{"in the pause", 4 * time.Second, away, 5, 0, 5},
			{"one tries", 2 * time.Second, away, 5, 1, 4},
			{"another", 6 * time.Second, away, 5, 1, 4},
			{"it is back", 6 * time.Second, nil, 5, 5, 0},
		}, lines: []string{pausing + `5s error="redisstore: connection refused"`, answered}},
		"two outages": {steps: []step{
			{"it goes away", 0, away, 4, 3, 1},
			{"it is back", 6 * time.Second, nil, 1, 1, 0},
			{"it goes away", 0, away, 4, 3, 1},
			{"it is back", 6 * time.Second, nil, 1, 1, 0},
		}, lines: []string{pausing, answered, pausing, answered}},
		"back before the pause is over": {steps: []step{
			{"it goes away", 0, away, 3, 3, 0},
			{"it is back", time.Second, nil, 3, 0, 3},
			{"asked again", 5 * time.Second, nil, 3, 3, 0},
		}, lines: []string{pausing, answered}},
		"failures between successes": {steps: []step{
			{"fails", 0, away, 2, 2, 0}, {"works", 0, nil, 1, 1, 0}, {"fails", 0, away, 2, 2, 0}, {"works", 0, nil, 1, 1, 0},
		}},
		"as configured": {cfg: redisstore.Config{Failures: 1, Pause: time.Minute}, steps: []step{
			{"fails", 0, away, 2, 1, 1}, {"in the pause", 59 * time.Second, nil, 1, 0, 1}, {"works", 2 * time.Second, nil, 1, 1, 0},
		}, lines: []string{pausing + "1m0s", answered}},
		"replies with an error": {steps: []step{
			{"it is full", 0, reply("OOM command not allowed"), 5, 3, 2},
		}, lines: []string{pausing + `5s error="redisstore: OOM command not allowed"`}},
		"replies that its memory is loading": {steps: []step{
			{"it starts", 0, reply("LOADING Redis is loading the dataset in memory"), 5, 3, 2},
		}, lines: []string{pausing}},
		"replies about one key": {steps: []step{
			{"a key of another program", 0, reply("WRONGTYPE Operation against a key holding the wrong kind of value"), 9, 9, 0},
			{"a script that fails", 0, reply("ERR user_script:3: attempt to compare nil with number"), 9, 9, 0},
		}},
		"a reply after failures": {steps: []step{
			{"fails", 0, away, 2, 2, 0}, {"replies", 0, reply("WRONGTYPE x"), 1, 1, 0}, {"fails", 0, away, 2, 2, 0},
		}},
		"events that end": {steps: []step{
			{"the MTA went away", 0, fmt.Errorf("read: %w", context.Canceled), 9, 9, 0},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var logged bytes.Buffer
				srv := new(flaky)
				c.cfg.Logger = slog.New(slog.NewTextHandler(&logged, nil))
				store, rate := redisstore.New(srv, c.cfg), middleware.Rate{Events: 1, Per: time.Hour}
				for _, step := range c.steps {
					time.Sleep(step.wait)
					srv.set(step.server)
					before, paused := srv.asked, 0
					for range step.events {
						_, err := store.Take(t.Context(), "k", rate)
						if errors.Is(err, middleware.ErrRateStorePaused) {
							paused++
							assert.NotEqual(t, middleware.ErrRateStorePaused.Error(), err.Error(), "it names the last error")
							continue
						}
						assert.ErrorIs(t, err, step.server)
					}
					assert.Equal(t, step.asked, srv.asked-before, step.name)
					assert.Equal(t, step.paused, paused, step.name)
				}
				lines := strings.Split(strings.TrimSuffix(logged.String(), "\n"), "\n")
				if len(c.lines) == 0 {
					assert.Empty(t, logged.String())
					return
				}
				require.Len(t, lines, len(c.lines), logged.String())
				for i, want := range c.lines {
					assert.Contains(t, lines[i], want)
				}
			})
		})
	}
}

// A call that ends because its own context ends says nothing about the server. The
// store's own limit does.
func TestEndOfTheCaller(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		err   error
		asked int
	}{
		"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, fmt.Errorf("dial: %w", context.Canceled), 9},
		"its deadline, before the call": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, -time.Second)
		}, context.DeadlineExceeded, 9},
		"its deadline, during the call": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Millisecond)
		}, os.ErrDeadlineExceeded, 9},
		"the limit of the store": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		}, os.ErrDeadlineExceeded, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := &flaky{err: c.err, after: 10 * time.Millisecond}
				store := redisstore.New(srv, redisstore.Config{Logger: slog.New(slog.DiscardHandler)})
				for range 9 {
					ctx, cancel := c.ctx(t.Context())
					_, err := store.Take(ctx, "k", middleware.Rate{Events: 1, Per: time.Hour})
					cancel()
					require.ErrorIs(t, err, c.err)
				}
				assert.Equal(t, c.asked, srv.asked)
			})
		})
	}
}

// After a pause only one of many events waits for the server. The others go on at
// once.
func TestOneEventTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &flaky{err: context.DeadlineExceeded, after: time.Second}
		store := redisstore.New(srv, redisstore.Config{Logger: slog.New(slog.DiscardHandler)})
		rate := middleware.Rate{Events: 1, Per: time.Hour}
		burst := func() (waiting int) {
			began, times := time.Now(), make(chan time.Duration, 50)
			for range cap(times) {
				go func() {
					_, _ = store.Take(t.Context(), "k", rate)
					times <- time.Since(began)
				}()
			}

			for range cap(times) {
				if <-times > 0 {
					waiting++
				}
			}
			return waiting
		}
		assert.Equal(t, 50, burst(), "all were asking when it failed")
		assert.Equal(t, 0, burst(), "none waits in the pause")
		time.Sleep(6 * time.Second)
		assert.Equal(t, 1, burst(), "one tries")
		assert.Equal(t, 51, srv.asked)
	})
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	redisstore.NewLogger(slog.New(slog.NewTextHandler(&logged, nil))).
		Printf(t.Context(), "pool: failed to dial after %d attempts: %v", 5, errors.New("refused\r\nlevel=ERROR"))
	assert.Contains(t, logged.String(), `level=WARN msg="redis client" line="pool: failed to dial after 5 attempts: refused\r\nlevel=ERROR"`)
	assert.Equal(t, 1, strings.Count(logged.String(), "\n"))
}
