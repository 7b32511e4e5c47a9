//go:build linux

package remote_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// Under load, while one milter of two is killed and started again and again, each message
// is filtered or refused for now, and no descriptor is lost.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	addrs := []string{"unix:" + filepath.Join(dir, "1"), "unix:" + filepath.Join(dir, "2")}
	mark := miltertest.FilterFunc("mark", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Filtered", "yes")
		})
		return nil
	})
	serveAt(t, addrs[0], mark)
	second := startAt(t, addrs[1], mark)
	f := lane(t, remote.Config{EjectFor: time.Millisecond}, addrs...)
	srv := miltertest.NewServer(t, f)
	const workers, each, restarts = 4, 100, 20
	var filtered, refused, running atomic.Int64
	running.Store(workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			defer running.Add(-1)
			for range each {
				conn := mta.NewConn(srv.DialRaw(), mta.Config{})
				out, err := conn.Send(t.Context(), letter())
				_ = conn.Quit(t.Context())
				switch {
				case !assert.NoError(t, err):
				case out.Edited == nil:
					refused.Add(1)
					assert.Equal(t, []string{"451 4.3.0 mail filter failed, try again later"}, out.Verdict.Lines())
				case assert.Equal(t, "X-Filtered", out.Edited.Header[len(out.Edited.Header)-1].Name):
					filtered.Add(1)
				}
			}
		})
	}
	for n := 0; n < restarts || running.Load() > 0; n++ {
		second()
		second = startAt(t, addrs[1], mark)
	}
	wg.Wait()
	second()
	assert.EqualValues(t, workers*each, filtered.Load()+refused.Load())
	assert.Positive(t, filtered.Load())
	t.Logf("%d filtered, %d refused for now", filtered.Load(), refused.Load())
	require.NoError(t, f.Close())
	srv.Close(t)
	assert.Eventually(t, func() bool { return sockets(t, dir) <= 1 }, patience, tick, "only the first milter listens")
}

// startAt serves a filter, and returns a function that kills the server: it closes all
// connections at once.
func startAt(t *testing.T, addr string, f framework.Filter) (kill func()) {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(f)
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ln, err := framework.Listen(addr)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	return func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	}
}

// sockets returns the number of sockets in a folder that a process has open.
func sockets(t *testing.T, dir string) (n int) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/unix")
	require.NoError(t, err)
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, dir+"/") {
			n++
		}
	}
	return n
}
