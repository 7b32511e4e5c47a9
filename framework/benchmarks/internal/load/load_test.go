package load_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// counts is the number of events that a test's filter received.
type counts struct{ messages, headers, rcpts, bodies, sessions atomic.Int64 }

// counting returns a filter for W1 that counts its events. It appends extra to
// the value of its field.
func counting(c *counts, wrong string) *framework.Router {
	r := framework.NewRouter()
	add, from := r.GrantAddHeader(), framework.PerMessage[string](r)
	r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
		c.rcpts.Add(1)
		return framework.Continue, nil
	})
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		c.headers.Add(1)
		if h.Is(workload.Watched) {
			*from.Get(s) = h.Value()
		}
		return nil
	})
	r.ObserveBody(func(_ *framework.Session, b *framework.Body) error {
		c.bodies.Add(int64(len(b.Chunk())))
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		c.messages.Add(1)
		return framework.Continue, add.Append(s, workload.Copied, *from.Get(s)+wrong)
	})
	r.ObserveClose(func(*framework.Session, *framework.Close) error {
		c.sessions.Add(1)
		return nil
	})
	return r
}

// serve serves a filter over TCP. It returns the filter's address and a
// function that waits until its sessions have ended.
func serve(t *testing.T, r *framework.Router) (addr string, drain func()) {
	t.Helper()
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	return ln.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.NoError(t, srv.Shutdown(ctx))
	}
}

func TestRunCounts(t *testing.T) {
	t.Parallel()
	var seen counts
	addr, drain := serve(t, counting(&seen, ""))
	r := load.Run(t.Context(), load.Options{
		Network: "tcp", Address: addr, Workload: workload.W1, Conns: 3, PerSession: 2, Total: 10,
		Size: workload.Size{Rcpts: 3, Headers: 5, Body: 100_000},
	})
	drain()
	require.NoError(t, r.Err)
	assert.Equal(t, 10, r.Messages)
	assert.GreaterOrEqual(t, r.Sessions, 5)
	assert.Equal(t, int64(10), seen.messages.Load())
	assert.Equal(t, int64(30), seen.rcpts.Load())
	assert.Equal(t, int64(50), seen.headers.Load())
	assert.Equal(t, int64(1_000_000), seen.bodies.Load())
	assert.Equal(t, int64(r.Sessions), seen.sessions.Load())
	assert.Positive(t, r.P50)
	assert.GreaterOrEqual(t, r.P99, r.P50)
}

func TestRunEndsInTime(t *testing.T) {
	t.Parallel()
	addr, _ := serve(t, counting(new(counts), ""))
	r := load.Run(t.Context(), load.Options{Network: "tcp", Address: addr, Workload: workload.W1, Duration: 50 * time.Millisecond})
	require.NoError(t, r.Err)
	assert.Positive(t, r.Messages)
	assert.GreaterOrEqual(t, r.Elapsed, 50*time.Millisecond)
}

// TestRunFindsFaults checks that a wrong reply is counted as an error and not
// as a message.
func TestRunFindsFaults(t *testing.T) {
	t.Parallel()
	accepts := framework.NewRouter()
	accepts.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Accept, nil })
	twice := framework.NewRouter()
	add := twice.GrantAddHeader()
	twice.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		value := workload.NewMessage(workload.W1.DefaultSize()).Header[10].Value
		if err := add.Append(s, workload.Copied, value); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, add.Append(s, workload.Copied, value)
	})
	for name, c := range map[string]struct {
		filter *framework.Router
		plays  workload.Name
		says   string
	}{
		"another value":     {counting(new(counts), "!"), workload.W1, "added field is"},
		"a field twice":     {twice, workload.W1, "wrong number of added"},
		"a field too few":   {framework.NewRouter(), workload.W1, "wrong number of added"},
		"a field too many":  {counting(new(counts), ""), workload.W2, "added field is"},
		"another verdict":   {accepts, workload.W2, "SMFIR_ACCEPT"},
		"no new body":       {framework.NewRouter(), workload.W4, "wrong new body"},
		"another new body":  {replacing(workload.NewBody()[1:]), workload.W4, "wrong new body"},
		"half the new body": {replacing(workload.NewBody()[:workload.Mebibyte/2]), workload.W4, "wrong new body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, _ := serve(t, c.filter)
			r := load.Run(t.Context(), load.Options{Network: "tcp", Address: addr, Workload: c.plays, Total: 1, Duration: 5 * time.Second})
			assert.Zero(t, r.Messages)
			assert.ErrorContains(t, r.Err, c.says)
		})
	}
}

// TestRunChecksTheInsertedField checks that for a given message, the inserted
// field is verified.
func TestRunChecksTheInsertedField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		names []string // of the fields that the filter inserts
		says  string   // or "" if all is well
	}{
		"the field":     {[]string{"X-Signature"}, ""},
		"another field": {[]string{"X-Other"}, `inserted field is "X-Other", want "X-Signature"`},
		"twice":         {[]string{"X-Signature", "X-Signature"}, "0 added, 2 inserted"},
		"none":          {nil, "0 added, 0 inserted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			msg := workload.NewLetter(1000)
			var size atomic.Int64
			addr, drain := serve(t, inserting(&size, c.names...))
			r := load.Run(t.Context(), load.Options{Network: "tcp", Address: addr, Message: &msg, Inserted: "X-Signature", Total: 2, Duration: 5 * time.Second})
			if c.says != "" {
				assert.ErrorContains(t, r.Err, c.says)
				return
			}
			require.NoError(t, r.Err)
			drain()
			assert.Equal(t, 2, r.Messages)
			assert.Equal(t, int64(2000), size.Load(), "the body is the message's")
		})
	}
}

func inserting(size *atomic.Int64, names ...string) *framework.Router {
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.ObserveBody(func(_ *framework.Session, b *framework.Body) error {
		size.Add(int64(len(b.Chunk())))
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for _, name := range names {
			if err := add.InsertTop(s, name, "x"); err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, nil
	})
	return r
}

func replacing(body []byte) *framework.Router {
	r := framework.NewRouter()
	replace := r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, replace.Replace(s, body)
	})
	return r
}

func TestRunReportsADeadFilter(t *testing.T) {
	t.Parallel()
	r := load.Run(t.Context(), load.Options{Network: "unix", Address: t.TempDir() + "/none", Workload: workload.W1, Duration: time.Second})
	require.Error(t, r.Err)
	assert.Positive(t, r.Errors)
	assert.Contains(t, r.String(), r.Err.Error())
}

func TestIdleHoldsConnections(t *testing.T) {
	t.Parallel()
	var seen counts
	addr, drain := serve(t, counting(&seen, ""))
	o := load.Options{Network: "tcp", Address: addr, Workload: workload.W1}
	require.NoError(t, load.Idle(t.Context(), o, 5, 2, func() error {
		assert.Zero(t, seen.sessions.Load())
		return nil
	}))
	drain()
	assert.Equal(t, int64(10), seen.messages.Load())
}
