package watchdog_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework/internal/watchdog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Watched that records what is called, and when.
type recorder struct {
	start time.Time
	limit time.Duration
	mu    sync.Mutex
	calls []string
}

func (r *recorder) record(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf("%v %s", time.Since(r.start), what))
}

// Check implements watchdog.Watched.
func (r *recorder) Check() { r.record("check") }

// Progress implements watchdog.Watched.
func (r *recorder) Progress() { r.record("progress") }

// Limit implements watchdog.Watched.
func (r *recorder) Limit(time.Time) time.Duration { return r.limit }

// Expire implements watchdog.Watched.
func (r *recorder) Expire() { r.record("expire") }

// Detach implements watchdog.Watched.
func (r *recorder) Detach() { r.record("detach") }

var intervals = watchdog.Intervals{Look: time.Second, Progress: 3 * time.Second, Grace: 2 * time.Second}

// scene is a watchdog in a synctest bubble, and the goroutine that it looks after.
type scene struct {
	t *testing.T
	*watchdog.Watchdog
}

// call is a call that takes the given time and ends as expected.
func (s scene) call(takes time.Duration, wantOK, wantExpired bool) {
	s.t.Helper()
	s.Begin()
	time.Sleep(takes)
	ok, expired := s.End()
	assert.Equal(s.t, wantOK, ok, "ok")
	assert.Equal(s.t, wantExpired, expired, "expired")
}

// The recorder's limit is 5s, and intervals holds the other times.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tests := []struct {
		name string
		play func(scene)
		want []string
	}{
		{"no call", func(s scene) { s.Request() }, nil},
		{"a call that ends before the first look", func(s scene) {
			s.Request()
			s.call(900*ms, true, false)
		}, nil},
		{"checks at each look", func(s scene) {
			s.Request()
			s.call(2500*ms, true, false)
		}, []string{"1s check", "2s check"}},
		{"the first call arms the timer, the others do not", func(s scene) {
			for range 12 {
				s.call(190*ms, true, false)
				s.Request()
			}
		}, []string{"1s check", "2s check"}},
		{"a look between two calls lets the timer run out", func(s scene) {
			s.Request()
			s.call(900*ms, true, false)
			time.Sleep(600 * ms) // at 1s the timer finds no call
			s.call(1700*ms, true, false)
		}, []string{"2.5s check"}},
		{"progress is counted from the first look", func(s scene) {
			s.Request()
			s.call(4500*ms, true, false)
		}, []string{"1s check", "2s check", "3s check", "4s check", "4s progress"}},
		{"calls of one request share its interval", func(s scene) {
			s.Request()
			s.call(2500*ms, true, false)
			s.call(2000*ms, true, false)
		}, []string{"1s check", "2s check", "3s check", "4s check", "4s progress"}},
		{"a new request restarts the interval", func(s scene) {
			s.Request()
			s.call(2500*ms, true, false)
			s.Request()
			s.call(4000*ms, true, false)
		}, []string{"1s check", "2s check", "3s check", "4s check", "5s check", "6s check", "6s progress"}},
		{"past its limit, and ended within the grace", func(s scene) {
			s.Request()
			s.call(7500*ms, true, true)
		}, []string{
			"1s check", "2s check", "3s check", "4s check", "4s progress", "5s check",
			"6s check", "6s expire", "7s check", "7s progress",
		}},
		{"each call has its limit", func(s scene) {
			s.Request()
			s.call(4500*ms, true, false)
			s.Request()
			s.call(6000*ms, true, true)
			s.Request()
			s.call(1000*ms, true, false)
		}, []string{
			"1s check", "2s check", "3s check", "4s check", "4s progress",
			"5s check", "6s check", "7s check", "8s check", "8s progress", "9s check", "10s check", "10s expire",
			"11s check",
		}},
		{"detached after limit and grace", func(s scene) {
			s.Request()
			s.call(20*time.Second, false, true)
			s.Request()
			s.call(20*time.Second, false, false)
		}, []string{
			"1s check", "2s check", "3s check", "4s check", "4s progress", "5s check",
			"6s check", "6s expire", "7s check", "7s progress", "8s check", "8s detach",
		}},
		{"stopped within a call", func(s scene) {
			s.Request()
			s.Begin()
			time.Sleep(1500 * ms)
			s.Stop()
			s.Stop()
		}, []string{"1s check"}},
		{"stopped after a call", func(s scene) {
			s.call(500*ms, true, false)
			s.Stop()
			s.call(2100*ms, true, false)
		}, []string{"1.5s check", "1.5s progress", "2.5s check"}},
		{"stopped before the first call", func(s scene) { s.Stop() }, nil},
		{"stopped after it detached", func(s scene) {
			s.Request()
			s.Begin()
			time.Sleep(9 * time.Second)
			s.Stop()
			ok, _ := s.End()
			assert.False(s.t, ok, "Stop does not undo Detach")
		}, []string{
			"1s check", "2s check", "3s check", "4s check", "4s progress", "5s check",
			"6s check", "6s expire", "7s check", "7s progress", "8s check", "8s detach",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{start: time.Now(), limit: 5 * time.Second}
				w := watchdog.New(r, intervals)
				tt.play(scene{t, &w})
				time.Sleep(time.Hour)
				assert.Equal(t, tt.want, r.calls)
			})
		})
	}
}

// limits is a Watched whose limit changes.
type limits struct {
	recorder
	began []time.Duration // what Limit was passed, since start
	next  []time.Duration
}

// Limit implements watchdog.Watched.
func (l *limits) Limit(began time.Time) time.Duration {
	l.began = append(l.began, began.Sub(l.start))
	limit := l.next[0]
	if len(l.next) > 1 {
		l.next = l.next[1:]
	}
	return limit
}

// The watchdog asks for the limit at each look, with the time of the first one.
func TestLimit(t *testing.T) {
	t.Parallel()
	const s = time.Second
	tests := []struct {
		name  string
		next  []time.Duration
		takes time.Duration
		want  []string
	}{
		{"none left", []time.Duration{0}, 3500 * time.Millisecond, []string{"1s expire", "3s detach"}},
		{"extended", []time.Duration{s, 4 * s}, 6500 * time.Millisecond, []string{"5s expire"}},
		{"shortened", []time.Duration{9 * s, 9 * s, s}, 3500 * time.Millisecond, []string{"3s expire"}},
		{"extended after Expire", []time.Duration{0, 9 * s}, 8500 * time.Millisecond, []string{"1s expire"}},
		{"shortened by more than the grace", []time.Duration{9 * s, 9 * s, 9 * s, s}, 4500 * time.Millisecond, []string{"4s expire", "4s detach"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &limits{recorder: recorder{start: time.Now()}, next: tt.next}
				w := watchdog.New(quiet{l}, intervals)
				w.Request()
				w.Begin()
				time.Sleep(tt.takes)
				w.End()
				assert.Equal(t, tt.want, l.calls)
				for _, began := range l.began {
					assert.Equal(t, time.Second, began)
				}
			})
		})
	}
}

// quiet leaves out the calls that depend on nothing but the time.
type quiet struct{ *limits }

// Check implements watchdog.Watched.
func (quiet) Check() {}

// Progress implements watchdog.Watched.
func (quiet) Progress() {}

// blocked is a Watched whose Check blocks.
type blocked struct {
	recorder
	entered, leave chan struct{}
}

// Check implements watchdog.Watched.
func (b *blocked) Check() {
	b.entered <- struct{}{}
	<-b.leave
}

// End and Stop wait until the watchdog has acted. synctest does not see a goroutine as
// blocked that waits for a mutex, so this test runs in real time.
func TestWaitsForTheLook(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(*watchdog.Watchdog) bool{
		"End": func(w *watchdog.Watchdog) bool {
			ok, expired := w.End()
			return ok && !expired
		},
		"Stop": func(w *watchdog.Watchdog) bool {
			w.Stop()
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &blocked{recorder: recorder{limit: time.Hour}, entered: make(chan struct{}), leave: make(chan struct{})}
			w := watchdog.New(b, watchdog.Intervals{Look: time.Millisecond, Progress: time.Hour})
			w.Request()
			w.Begin()
			<-b.entered
			done := make(chan bool)
			go func() { done <- wait(&w) }()
			select {
			case <-done:
				require.Fail(t, "it did not wait")
			case <-time.After(20 * time.Millisecond):
			}
			close(b.leave)
			assert.True(t, <-done)
			w.Stop()
		})
	}
}

// counter is a Watched that reads what the calling goroutine writes between its calls. The
// race detector notices if a look were possible then.
type counter struct{ written, seen int }

func (c *counter) Check()                      { c.seen = max(c.seen, c.written) }
func (c *counter) Progress()                   { c.seen = max(c.seen, c.written) }
func (*counter) Limit(time.Time) time.Duration { return time.Hour }
func (*counter) Expire()                       {}
func (*counter) Detach()                       {}

func TestNoLookBetweenCalls(t *testing.T) {
	t.Parallel()
	var c counter
	w := watchdog.New(&c, watchdog.Intervals{Look: 10 * time.Microsecond, Progress: time.Nanosecond, Grace: time.Hour})
	until, patience := time.Now().Add(100*time.Millisecond), time.Now().Add(time.Minute)
	for time.Now().Before(until) || c.seen == 0 && time.Now().Before(patience) {
		c.written++
		w.Request()
		w.Begin()
		if c.written%8 == 0 { // long enough for a look
			time.Sleep(50 * time.Microsecond)
		}
		ok, expired := w.End()
		require.True(t, ok)
		require.False(t, expired)
	}
	w.Stop()
	assert.Positive(t, c.seen, "the watchdog looked")
	assert.LessOrEqual(t, c.seen, c.written)
}

func TestAllocs(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the allocations of all goroutines
	w := watchdog.New(&counter{}, watchdog.Intervals{Look: time.Hour, Progress: time.Hour, Grace: time.Hour})
	defer w.Stop()
	w.Begin() // makes the timer
	w.End()
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		w.Request()
		w.Begin()
		w.End()
	}))
}
