//go:build integration

package redisstore_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/metrics"
	"github.com/sluicemail/sluice/middleware/redisstore"
)

// startRedis starts a redis-server for the test, without persistence, on a free
// port of the loopback interface.
func startRedis(t testing.TB) (addr string, stop func()) {
	t.Helper()
	addr = freeAddr(t)
	_, stop = startRedisAt(t, addr)
	return addr, stop
}

// freeAddr returns an unused address of the loopback interface.
func freeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

func startRedisAt(t testing.TB, addr string) (srv *os.Process, stop func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), "redis-server is needed: see .ci/install")
	ready := make(chan string)
	go func() {
		defer close(ready)
		var all strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				ready <- ""
				_, _ = io.Copy(io.Discard, out)
				return
			}
		}
		ready <- all.String()
	}()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	select {
	case said := <-ready:
		require.Empty(t, said, "redis-server ended")
	case <-time.After(testproc.Patience):
		require.Fail(t, "redis-server did not start")
	}
	return cmd.Process, stop
}

// patience is the timeout of a store whose server answers, however busy the machine is.
const patience = time.Minute

func dial(t testing.TB, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return client
}

// The store in a server counts like the one in memory.
func TestTakeAsInMemory(t *testing.T) {
	t.Parallel()
	addr, _ := startRedis(t)
	store, memory := redisstore.New(dial(t, addr), redisstore.Config{Timeout: patience}), middleware.NewMemoryRates(0)
	for name, rate := range map[string]middleware.Rate{
		"one":          {Events: 1, Per: time.Hour},
		"some":         {Events: 5, Per: time.Hour},
		"a burst":      {Events: 4, Per: time.Hour, Burst: 2},
		"a long burst": {Events: 2, Per: time.Hour, Burst: 7},
		"a second's":   {Events: 3, Per: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			for range 9 {
				want, err := memory.Take(t.Context(), name, rate)
				require.NoError(t, err)
				got, err := store.Take(t.Context(), name, rate)
				require.NoError(t, err)
				// The two were not asked at the same moment.
				assert.InDelta(t, want.Seconds(), got.Seconds(), 0.5+time.Since(began).Seconds())
				if rate.Per == time.Hour {
					assert.Equal(t, want > 0, got > 0)
				}
			}
		})
	}
}

// A key expires when its full burst is allowed again.
func TestExpiry(t *testing.T) {
	t.Parallel()
	addr, _ := startRedis(t)
	client := dial(t, addr)
	store := redisstore.New(client, redisstore.Config{Prefix: "p:", Timeout: patience})
	const per = 8 * time.Second // an event is allowed again after half of it
	rate := middleware.Rate{Events: 2, Per: per}
	for range 2 {
		wait, err := store.Take(t.Context(), "k\x00\xff", rate)
		require.NoError(t, err)
		require.Zero(t, wait)
	}
	wait, err := store.Take(t.Context(), "k\x00\xff", rate)
	require.NoError(t, err)
	require.Positive(t, wait)
	left, err := client.PTTL(t.Context(), "p:k\x00\xff").Result()
	require.NoError(t, err)
	assert.Positive(t, left)
	assert.LessOrEqual(t, left, per)
	time.Sleep(wait + 5*time.Millisecond)
	wait, err = store.Take(t.Context(), "k\x00\xff", rate)
	require.NoError(t, err)
	assert.Zero(t, wait, "the wait that was told is enough")
	require.Eventually(t, func() bool {
		n, err := client.DBSize(t.Context()).Result()
		return err == nil && n == 0
	}, time.Minute, 20*time.Millisecond)
}

// If the server's clock was set back by a day, a key behaves as if its burst
// were used up.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	addr, _ := startRedis(t)
	client := dial(t, addr)
	store := redisstore.New(client, redisstore.Config{Prefix: "p:", Timeout: patience})
	tomorrow := time.Now().Add(24 * time.Hour).UnixMicro()
	require.NoError(t, client.Set(t.Context(), "p:k", tomorrow, 48*time.Hour).Err())
	rate := middleware.Rate{Events: 5, Per: 5 * time.Second}
	wait, err := store.Take(t.Context(), "k", rate)
	require.NoError(t, err)
	assert.Equal(t, time.Second, wait)
	time.Sleep(wait + 5*time.Millisecond)
	wait, err = store.Take(t.Context(), "k", rate)
	require.NoError(t, err)
	assert.Zero(t, wait)
}

// With many machines at once, not more events than the burst are allowed.
func TestAtomic(t *testing.T) {
	t.Parallel()
	addr, _ := startRedis(t)
	rate := middleware.Rate{Events: 50, Per: 10 * time.Hour}
	var passed atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		store := redisstore.New(dial(t, addr), redisstore.Config{Timeout: patience})
		group.Go(func() {
			for range 40 {
				if wait, err := store.Take(t.Context(), "k", rate); assert.NoError(t, err) && wait == 0 {
					passed.Add(1)
				}
			}
		})
	}
	group.Wait()
	assert.Equal(t, int32(50), passed.Load())
}

// If the server is not reachable, mail is accepted or refused, as configured. A
// new server gets the script again.
func TestServerGone(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]bool{"open": true, "closed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, stop := startRedis(t)
			client := dial(t, addr)
			r := framework.NewRouter()
			r.Use(middleware.RateLimit(middleware.RateLimitConfig{
				Rate: middleware.Rate{Events: 3, Per: time.Hour}, By: middleware.BySender(), FailOpen: open,
				Store: redisstore.New(client, redisstore.Config{Timeout: patience}),
			}))
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
			srv := miltertest.NewRouterServer(t, r, miltertest.AllowGoroutines(), unhurried())
			conn := srv.Dial(t)
			msg := miltertest.Message("From: a@example.org\n\nhi\n")
			conn.Run(t, msg).AssertAccepted(t)
			require.NoError(t, client.ScriptFlush(t.Context()).Err())
			conn.Run(t, msg).AssertAccepted(t)
			conn.Run(t, msg).AssertAccepted(t)
			assert.Equal(t, "451 4.7.1 rate limit exceeded, try again later", conn.Run(t, msg).Reply())
			stop()
			res := conn.Run(t, msg)
			if open {
				res.AssertAccepted(t)
				_, ok := res.Logs.Find("rate store failed; message not limited")
				assert.True(t, ok)
				return
			}
			assert.Equal(t, "451 4.3.0 mail filter failed, try again later", res.Reply())
		})
	}
}

// A server that restarts has lost the script and the counts. The same client
// recreates both.
func TestServerComesBack(t *testing.T) {
	t.Parallel()
	addr, stop := startRedis(t)
	store, rate := redisstore.New(dial(t, addr), redisstore.Config{Timeout: patience}), middleware.Rate{Events: 1, Per: time.Hour}
	take := func() (time.Duration, error) { return store.Take(t.Context(), "k", rate) }
	wait, err := take()
	require.NoError(t, err)
	require.Zero(t, wait)
	wait, err = take()
	require.NoError(t, err)
	require.Positive(t, wait)

	stop()
	_, err = take()
	require.Error(t, err)

	startRedisAt(t, addr)
	require.Eventually(t, func() bool {
		wait, err = take()
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	assert.Zero(t, wait)
	wait, err = take()
	require.NoError(t, err)
	assert.Positive(t, wait)
}

// An outage of the server under load, with FailOpen. Each recipient passes. Few of them
// ask the server, and the metrics and the log show the outage from its begin to its end.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ended", "frozen"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			process, stop := startRedisAt(t, addr)
			registry := prometheus.NewPedanticRegistry()
			m, err := metrics.New(metrics.Config{Registerer: registry})
			require.NoError(t, err)
			var logged testproc.Buffer
			log := slog.New(slog.NewTextHandler(&logged, nil))
			r := framework.NewRouter()
			r.Use(m.Middleware, middleware.RateLimit(middleware.RateLimitConfig{
				Rate: middleware.Rate{Events: 1000, Per: time.Hour}, By: middleware.ByRecipientDomain(), FailOpen: true,
				Store: redisstore.New(dial(t, addr), redisstore.Config{
					Timeout: 2 * time.Second, Pause: 2 * time.Second, Logger: log,
				}),
			}))
			r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, nil })
			milter := miltertest.NewRouterServer(t, r, miltertest.AllowGoroutines(), unhurried(), miltertest.Configure(func(cfg *framework.Config) { cfg.Logger = log }))
			require.NoError(t, m.Watch(milter.Stats))
			conn := milter.Dial(t)
			recipients := make([]string, 100)
			for i := range recipients {
				recipients[i] = strconv.Itoa(i) + "@example.net"
			}
			msg := miltertest.Message("From: a@example.org\n\nhi\n", miltertest.To(recipients...))
			conn.Run(t, msg).AssertAccepted(t)
			assert.Zero(t, counter(t, registry, "sluice_failures_total"))

			if name == "ended" {
				stop()
			} else {
				freeze(t, process)
			}
			conn.Run(t, msg).AssertAccepted(t)
			assert.InDelta(t, 100, counter(t, registry, "sluice_failures_total"), 0)
			assert.InDelta(t, 100, counter(t, registry, "sluice_failed_open_total"), 0)
			assert.Less(t, logged.Count("rate store failed; message not limited"), 10, "the others did not ask the server")
			assert.Equal(t, 1, logged.Count("rate store failed; paused until it answers"))
			assert.Zero(t, logged.Count("rate store answers again"))

			if name == "ended" {
				_, _ = startRedisAt(t, addr)
			} else {
				require.NoError(t, process.Signal(syscall.SIGCONT))
			}
			require.Eventually(t, func() bool {
				conn.Run(t, msg).AssertAccepted(t)
				return logged.Count("rate store answers again") == 1
			}, time.Minute, 50*time.Millisecond)
			before := counter(t, registry, "sluice_failures_total")
			conn.Run(t, msg).AssertAccepted(t)
			assert.InDelta(t, before, counter(t, registry, "sluice_failures_total"), 0, "it counts again")
			assert.Equal(t, 1, logged.Count("rate store failed; paused until it answers"))
		})
	}
}

// unhurried gives handlers more time than the store has.
func unhurried() miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) { cfg.HandlerTimeout, cfg.MessageTimeout = 2*patience, 2*patience })
}

// freeze stops a process that stays alive, and waits until it has stopped.
func freeze(t *testing.T, p *os.Process) {
	t.Helper()
	require.NoError(t, p.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid) + "/stat")
		return err == nil && strings.Contains(string(stat), ") T ")
	}, time.Minute, time.Millisecond)
}

// counter returns the value of a metric without labels.
func counter(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	require.Fail(t, "no metric "+name)
	return 0
}

// A server that does not answer delays an event by the timeout at most.
func TestServerHangs(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	store := redisstore.New(dial(t, ln.Addr().String()), redisstore.Config{Timeout: 100 * time.Millisecond})
	begin := time.Now()
	_, err = store.Take(t.Context(), "k", middleware.Rate{Events: 1, Per: time.Second})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Less(t, time.Since(begin), patience)
}

func BenchmarkTake(b *testing.B) {
	addr, _ := startRedis(b)
	store, i := redisstore.New(dial(b, addr), redisstore.Config{}), 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		if _, err := store.Take(b.Context(), strconv.Itoa(i&1023), middleware.Rate{Events: 100, Per: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
}
