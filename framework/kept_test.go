package framework_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/poison"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// keeper is a server whose statistics and log a test examines.
type keeper struct {
	*framework.Server
	t    *testing.T
	all  sync.WaitGroup
	mu   sync.Mutex
	logs bytes.Buffer
}

func newKeeper(t *testing.T, r *framework.Router, set func(cfg *framework.Config)) *keeper {
	t.Helper()
	k := &keeper{t: t}
	cfg := framework.Config{SpoolDir: t.TempDir()}
	set(&cfg)
	cfg.Logger = slog.New(slog.NewTextHandler(k, &slog.HandlerOptions{Level: slog.LevelInfo}))
	var err error
	k.Server, err = framework.NewServer(r, cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, k.Close())
		k.settled()
	})
	return k
}

// Write implements io.Writer for one line of the log.
func (k *keeper) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.logs.Write(p)
}

func (k *keeper) log() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.logs.String()
}

// dial connects an MTA.
func (k *keeper) dial() *mta.Conn {
	k.t.Helper()
	near, far := miltertest.Pipe()
	k.all.Go(func() { k.ServeConn(poison.Conn(far)) })
	conn := mta.NewConn(near, mta.Config{})
	require.NoError(k.t, conn.Negotiate(k.t.Context()))
	return conn
}

// send returns the outcome of a message: a reply, or "accepted".
func (k *keeper) send(msg *mta.Message) string {
	k.t.Helper()
	conn := k.dial()
	defer func() { assert.NoError(k.t, conn.Quit(context.Background())) }()
	return fate(k.t, conn, msg)
}

func fate(t *testing.T, conn *mta.Conn, msg *mta.Message) string {
	t.Helper()
	out, err := conn.Send(t.Context(), msg)
	require.NoError(t, err)
	switch {
	case len(out.Refused) > 0:
		return strings.Join(out.Refused[0].Response.Lines(), "\n")
	case out.Verdict.Refuses():
		return strings.Join(out.Verdict.Lines(), "\n")
	}
	return "accepted"
}

// settled waits until the sessions have ended, and checks that no budget is in
// use.
func (k *keeper) settled() {
	k.t.Helper()
	k.all.Wait()
	stats := k.Stats()
	assert.Zero(k.t, stats.KeptMemory)
	assert.Zero(k.t, stats.KeptDisk)
	assert.Zero(k.t, stats.MessagesOpen)
}

// wants requests that everything of a message is kept.
func wants(r *framework.Router) error {
	headers, body, envelope := r.WantHeaders(), r.WantBody(), r.WantEnvelope()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for field := range headers.All(s) {
			_ = field
		}
		_ = envelope.Recipients(s)
		n, err := io.Copy(io.Discard, body.Reader(s))
		if err == nil && n != body.Size(s) {
			err = io.ErrShortWrite
		}
		return framework.Continue, err
	})
	return nil
}

const shortOfStorage = "452 4.3.1 the mail filter is short of storage, try again later"

// If a message cannot be kept for a filter that may be skipped, that filter is
// skipped. The others continue, unless they need the missing content.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	marks := miltertest.FilterFunc("marks", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Mark", "1")
		})
		return nil
	})
	never := func(name string, want func(r *framework.Router)) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			want(r)
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				t.Error("it was asked about what it was not shown")
				return framework.Reject, nil
			})
			return nil
		})
	}
	short := func(cfg *framework.Config) { cfg.MemoryBudget, cfg.DiskBudget = 1, 1 }
	tests := []struct {
		name string
		want func(r *framework.Router)
		set  func(cfg *framework.Config)
	}{
		{"envelope", func(r *framework.Router) { r.WantEnvelope() }, short},
		{"recipients", func(r *framework.Router) { r.WantEnvelope() }, func(cfg *framework.Config) { cfg.MemoryBudget = int64(len("sender@example.org")) }},
		{"number of recipients", func(r *framework.Router) { r.WantEnvelope() }, func(cfg *framework.Config) { cfg.MaxRecipients = 1 }},
		{"header", func(r *framework.Router) { r.WantHeaders() }, short},
		{"number of fields", func(r *framework.Router) { r.ObserveHeader(watches) }, func(cfg *framework.Config) { cfg.MaxHeaders = 3 }},
		{"body", func(r *framework.Router) { r.WantBody() }, short},
		{"header of a message", func(r *framework.Router) { r.WantMessage() }, func(cfg *framework.Config) { cfg.MaxHeaders = 3 }},
		{"memory for a message", func(r *framework.Router) { r.WantMessage() }, short},
		{"body of a message", func(r *framework.Router) { r.WantMessage() }, func(cfg *framework.Config) { cfg.MaxSpool = 2 }},
		{"size of the body", func(r *framework.Router) { r.WantBody() }, func(cfg *framework.Config) { cfg.MaxSpool = 2 }},
		{"no folder for the body", func(r *framework.Router) { r.WantBody() }, func(cfg *framework.Config) { cfg.SpoolMemory, cfg.SpoolDir = 1, cfg.SpoolDir+"/missing" }},
	}
	for _, tt := range tests {
		for policy, opt := range map[string]framework.LaneOption{"open": framework.FailOpen(), "dry": framework.DryRun(), "closed": framework.FailClosed()} {
			t.Run(tt.name+" "+policy, func(t *testing.T) {
				t.Parallel()
				r := framework.NewRouter()
				r.Mount(marks)
				r.Mount(never("needy", tt.want), opt)
				k := newKeeper(t, r, tt.set)
				conn := k.dial()
				out, err := conn.Send(t.Context(), miltertest.Message(fourFields, miltertest.To("a@example.net", "b@example.net")))
				require.NoError(t, err)
				assert.Equal(t, policy == "closed", out.Verdict.Refuses() || len(out.Refused) > 0)
				assert.Equal(t, policy != "closed", len(out.Modifications) == 1, "the other filter's field")
				refusals := max(1, len(out.Refused))
				assert.EqualValues(t, refusals, k.Stats().NoRoom+k.Stats().TooLarge)
				assert.Equal(t, 1, strings.Count(k.log(), "not kept"), k.log())
				assert.Contains(t, k.log(), "filter=needy")
				assert.Contains(t, k.log(), "peer=memory:mta")
				require.NoError(t, conn.Quit(t.Context()))
			})
		}
	}
}

// If a skipped filter had requested content, another filter that uses the
// content must not mistake its absence for an empty value.
func TestLeftOutWithWhatOthersUse(t *testing.T) {
	t.Parallel()
	var headers framework.KeptHeader
	var body framework.KeptBody
	var message framework.KeptMessage
	var envelope framework.KeptEnvelope
	uses := map[string]func(s *framework.Session){
		"header":   func(s *framework.Session) { headers.First(s, "X-A") },
		"body":     func(s *framework.Session) { body.Reader(s) },
		"size":     func(s *framework.Session) { body.Size(s) },
		"message":  func(s *framework.Session) { message.Reader(s) },
		"length":   func(s *framework.Session) { message.Size(s) },
		"envelope": func(s *framework.Session) { envelope.Recipients(s) },
		"sender":   func(s *framework.Session) { envelope.Sender(s) },
	}
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			r := framework.NewRouter()
			r.Mount(miltertest.FilterFunc("asks", func(r *framework.Router) error {
				headers, body, envelope, message = r.WantHeaders(), r.WantBody(), r.WantEnvelope(), r.WantMessage()
				return nil
			}), framework.FailOpen())
			r.Mount(miltertest.FilterFunc("uses", func(r *framework.Router) error {
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					use(s)
					return framework.Continue, nil
				})
				return nil
			}))
			plenty := newKeeper(t, r, func(*framework.Config) {})
			assert.Equal(t, "accepted", plenty.send(miltertest.Message(fourFields)))
			short := newKeeper(t, r, func(cfg *framework.Config) { cfg.MemoryBudget, cfg.DiskBudget = 1, 1 })
			assert.Equal(t, "451 4.3.0 mail filter failed, try again later", short.send(miltertest.Message(fourFields)))
			assert.Equal(t, uint64(1), short.Stats().NoRoom)
			assert.Contains(t, short.log(), "framework: not kept, a limit was reached")
		})
	}
}

// The budget is released when a message ends, in every way, so that the next
// one can be kept.
func TestRoomComesBack(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, chain(wants), func(cfg *framework.Config) { cfg.MemoryBudget, cfg.DiskBudget = 14<<10, 20<<10 })
	first, ctx := k.dial(), t.Context()
	_, err := first.Mail(ctx, "<a@example.org>")
	require.NoError(t, err)
	_, err = first.Rcpt(ctx, "<b@example.org>")
	require.NoError(t, err)
	_, err = first.Body(ctx, bytes.Repeat([]byte("0123456789abcd\r\n"), 1<<10))
	require.NoError(t, err)
	require.NoError(t, first.Flush(ctx))
	require.Eventually(t, func() bool { return k.Stats().KeptDisk == 16<<10 }, time.Minute, time.Millisecond)

	msg := miltertest.Message("A: b\n\n" + strings.Repeat("0123456789abcd\r\n", 1<<10))
	assert.Equal(t, shortOfStorage, k.send(msg))
	require.NoError(t, first.Abort())
	require.NoError(t, first.Flush(ctx))
	require.Eventually(t, func() bool { return k.Stats().KeptDisk == 0 }, time.Minute, time.Millisecond)
	assert.Equal(t, "accepted", k.send(msg))
	require.NoError(t, first.Quit(ctx))
}

// If the macros are too large, the MTA is at fault.
func TestMacroBytes(t *testing.T) {
	t.Parallel()
	const most = 100
	for size, broken := range map[int]bool{most - 1: false, most: false, most + 1: true} {
		k := newKeeper(t, chain(wants), func(cfg *framework.Config) { cfg.MaxMacroBytes = most })
		conn, ctx := k.dial(), t.Context()
		for _, list := range []struct {
			code wire.CommandCode
			size int
		}{{wire.CmdConnect, 40}, {wire.CmdMail, 60}, {wire.CmdMail, size - 40}} { // a list replaces the previous one
			value := strings.Repeat("x", list.size-len("a\x00\x00"))
			require.NoError(t, conn.Macros(list.code, []mta.Macro{{Name: "a", Value: value}}))
		}
		_, err := conn.Mail(ctx, "<a@example.org>")
		_, _, eom := conn.EndOfMessage(ctx, nil)
		assert.Equal(t, broken, err != nil || eom != nil, size)
		if broken {
			require.NoError(t, conn.Close())
			k.all.Wait()
			assert.Contains(t, k.log(), "101 bytes of macros where MaxMacroBytes is 100")
			assert.Contains(t, k.log(), "peer=memory:mta")
			assert.Equal(t, uint64(1), k.Stats().ProtocolErrors)
			continue
		}
		assert.NotContains(t, k.log(), "macros")
		require.NoError(t, conn.Quit(ctx))
	}
}
