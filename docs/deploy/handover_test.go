package deploy_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestHandOver sends mail without a pause while each daemon hands its sockets over
// several times. Each message is filtered, and no connection fails. A process
// that cannot start leaves the old one in place.
func TestHandOver(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config, field string
		listen        func(dir string) string
	}{
		"headerd": {"rules: [{do: [{add: {name: X-Seen, value: '1'}}]}]\n", "X-Seen", func(dir string) string { return "unix:" + filepath.Join(dir, "s") }},
		"dkimd":   {"mode: verify\nauthserv_id: mx.example.test\ndns: {records: /dev/fd/none}\n", "Authentication-Results", func(string) string { return "inet:" + freePort(t) + "@127.0.0.1" }},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			config, records, pidFile := filepath.Join(dir, "yaml"), filepath.Join(dir, "records"), filepath.Join(dir, "pid")
			require.NoError(t, os.WriteFile(records, nil, 0o600))
			text := strings.ReplaceAll(c.config, "/dev/fd/none", records)
			require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
			listen, metrics := c.listen(dir), "127.0.0.1:"+freePort(t)
			cmd := exec.CommandContext(t.Context(), built(name),
				"-config", config, "-listen", listen, "-metrics", metrics, "-handover", pidFile, "-drain", "2m")
			cmd.WaitDelay = testproc.Patience // from the end of the first process, the log of its successors is read
			p := testproc.Start(t, cmd)
			p.Await(t, "msg=serving")

			stop := load(t, mtaAddress(listen), c.field)
			pid := p.PID()
			for n := range 3 {
				pid = succeed(t, p, pidFile, pid, n+1)
				assert.Equal(t, "ok", get(t, "http://"+metrics+"/readyz"))
			}
			require.NoError(t, os.WriteFile(config, []byte("mistake: 1\n"), 0o600))
			require.NoError(t, syscall.Kill(pid, syscall.SIGUSR2))
			p.Stderr.Await(t, "successor did not start; this process continues to serve", 1)
			assert.Equal(t, pid, readPID(t, pidFile))
			assert.Positive(t, stop())
			require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
			require.NoError(t, p.Wait(t), "the last process ends too: it has the same standard error")
			assert.NoFileExists(t, pidFile)
		})
	}
}

// load sends messages over ever new connections. It returns a function that ends
// this and returns the number of messages. Each message must get the field.
func load(t *testing.T, address, field string) (stop func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var sent atomic.Int64
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			for ctx.Err() == nil && deliver(t, address, field) {
				sent.Add(2)
			}
		})
	}
	return func() int64 { cancel(); clients.Wait(); return sent.Load() }
}

// deliver sends two messages over a connection. It returns false if the test
// failed.
func deliver(t *testing.T, address, field string) bool {
	t.Helper()
	conn, err := mta.Dial(t.Context(), address, mta.Config{})
	if !assert.NoError(t, err) {
		return false
	}
	for range 2 {
		outcome, err := conn.Send(t.Context(), &mta.Message{
			Header: []mta.Field{{Name: "From", Value: " ann@example.org"}, {Name: "Date", Value: " Sun, 29 Nov 2026 12:00:00 +0000"}},
			Body:   []byte("hello\r\n"),
		})
		if !assert.NoError(t, err) || !assert.NotNil(t, outcome.Edited, outcome.Verdict) ||
			!assert.Contains(t, string(outcome.Edited.Bytes()), field+": ") {
			return false
		}
	}
	return assert.NoError(t, conn.Quit(t.Context()))
}

// succeed makes the process with the ID hand over, and returns the ID of its
// successor once that process serves.
func succeed(t *testing.T, p *testproc.Process, pidFile string, pid, n int) int {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGUSR2))
	p.Stderr.Await(t, `msg="handed over"`, n)
	next := readPID(t, pidFile)
	require.NotEqual(t, pid, next)
	return next
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return pid
}

// get returns the text at the URL. The old process may close its end of a
// connection at a hand-over, so get tries again.
func get(t *testing.T, url string) (text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		text = strings.TrimSpace(string(body))
		return err == nil && resp.StatusCode == http.StatusOK
	}, time.Minute, 20*time.Millisecond)
	return text
}

// mtaAddress returns an address of -listen as [mta.Dial] takes it.
func mtaAddress(listen string) string {
	if port, ok := strings.CutPrefix(listen, "inet:"); ok {
		port, host, _ := strings.Cut(port, "@")
		return "inet:" + net.JoinHostPort(host, port)
	}
	return listen
}

// freePort returns a port on which no process listens.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	return port
}
