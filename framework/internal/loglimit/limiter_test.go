package loglimit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework/internal/loglimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a log that can be read while it is written.
type book struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

// lines returns the lines with a text.
func (b *book) lines(text string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for line := range strings.Lines(b.out.String()) {
		if strings.Contains(line, text) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func (b *book) handler() slog.Handler {
	return slog.NewTextHandler(b, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
}

// logger returns a logger of a peer on a limiter.
func (b *book) logger(l *loglimit.Limiter, peer string) *slog.Logger {
	out := b.handler()
	return slog.New(l.Handler(peer, "", out.WithAttrs([]slog.Attr{slog.String("session", "s")}), out))
}

// Each kind of line has a limit of its own, and the rest is counted.
func TestLimits(t *testing.T) {
	t.Parallel()
	const flood = loglimit.MaxRecords + 100
	tests := map[string]struct {
		write  func(log *slog.Logger, i int)
		lines  int // that pass
		others []string
	}{
		"the same warning": {
			write:  func(log *slog.Logger, _ int) { log.Warn("line") },
			lines:  loglimit.MaxSame,
			others: []string{fmt.Sprintf(`level=WARN msg="log lines suppressed" peer=p line=line suppressed=%d within=1m0s`, flood-loglimit.MaxSame)},
		},
		"the same error": {
			write: func(log *slog.Logger, _ int) { log.Error("line", "filter", "f", "stage", "mail", "error", io.EOF) },
			lines: loglimit.MaxSame,
			others: []string{fmt.Sprintf(`level=ERROR msg="log lines suppressed" peer=p line=line filter=f stage=mail error=EOF suppressed=%d within=1m0s`,
				flood-loglimit.MaxSame)},
		},
		"a new text each time": {
			write: func(log *slog.Logger, i int) { log.Error("line", "error", fmt.Errorf("number %d: %w", i, io.EOF)) },
			lines: loglimit.MaxLines,
		},
		"a new string each time": {
			write: func(log *slog.Logger, i int) { log.Error("line", "error", fmt.Sprint("number ", i)) },
			lines: loglimit.MaxLines,
		},
		"two errors in turn": {
			write: func(log *slog.Logger, i int) {
				log.Error("line", "error", []error{errors.New("one"), errors.New("two")}[i%2])
			},
			lines: 2 * loglimit.MaxSame,
		},
		"two types of errors": {
			write: func(log *slog.Logger, i int) {
				log.Error("line", "error", errors.Join(fmt.Errorf("number %d: %w", i, []error{io.EOF, os.ErrProcessDone, new(net.AddrError)}[i%3])))
			},
			lines: 2 * loglimit.MaxLines,
		},
		"records of mail": {
			write: func(log *slog.Logger, i int) { log.Info("line", "recipient", i) },
			lines: loglimit.MaxRecords,
		},
		"below INFO": {
			write: func(log *slog.Logger, _ int) { log.Debug("line") },
			lines: flood,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out book
				var limiter loglimit.Limiter
				log := out.logger(&limiter, "p")
				for i := range flood {
					c.write(log, i)
				}
				assert.Len(t, out.lines("msg=line"), c.lines)
				time.Sleep(loglimit.Window)
				synctest.Wait()
				if c.others != nil {
					assert.Equal(t, c.others, out.lines("suppressed"))
				}
				if c.lines < flood {
					assert.NotEmpty(t, out.lines("suppressed"))
				}
				c.write(log, 0)
				assert.Len(t, out.lines("msg=line"), c.lines+1, "the next window")
			})
		})
	}
}

// A flood of one kind, filter, stage or peer hides none of another.
func TestKindsAreSeparate(t *testing.T) {
	t.Parallel()
	var out book
	var limiter loglimit.Limiter
	log := out.logger(&limiter, "p")
	for range 100 {
		log.Error("flood", "filter", "f", "stage", "rcpt", "error", io.EOF)
	}
	log.Error("another")
	log.Warn("flood", "filter", "f", "stage", "rcpt", "error", io.EOF)
	log.Error("flood", "filter", "g", "stage", "rcpt", "error", io.EOF)
	log.Error("flood", "filter", "f", "stage", "mail", "error", io.EOF)
	log.Error("flood", "filter", "f", "stage", "rcpt", "error", new(net.AddrError))
	log.With("a", "b").WithGroup("g").Error("flood", "filter", "f", "stage", "rcpt", "error", io.EOF)
	out.logger(&limiter, "q").Error("flood", "filter", "f", "stage", "rcpt", "error", io.EOF)
	assert.Len(t, out.lines("session=s"), loglimit.MaxSame+6)
	limiter.Flush()
	assert.Equal(t, []string{`level=ERROR msg="log lines suppressed" peer=p line=flood filter=f stage=rcpt error=EOF suppressed=91 within=1m0s`}, out.lines("suppressed"))
	limiter.Flush()
	assert.Len(t, out.lines("suppressed"), 1, "nothing is counted twice")
}

// Attributes that With added belong to the kind of a line, as those of the line do. One of
// the line replaces one that was added.
func TestAddedAttributes(t *testing.T) {
	t.Parallel()
	tests := map[string]func(log *slog.Logger) *slog.Logger{
		"filter":        func(log *slog.Logger) *slog.Logger { return log.With("filter", "b", "stage", "mail", "error", io.EOF) },
		"stage":         func(log *slog.Logger) *slog.Logger { return log.With("filter", "a", "stage", "rcpt", "error", io.EOF) },
		"type of error": func(log *slog.Logger) *slog.Logger { return log.With("filter", "a").With("error", new(net.AddrError)) },
		"in a group":    func(log *slog.Logger) *slog.Logger { return log.With("filter", "b").WithGroup("g") },
	}
	for name, with := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out book
			var limiter loglimit.Limiter
			flood := out.logger(&limiter, "p").With("filter", "a", "stage", "mail", "error", io.EOF)
			for range loglimit.MaxSame + 5 {
				flood.Warn("flood")
			}
			for range loglimit.MaxSame + 1 {
				with(out.logger(&limiter, "p")).Warn("flood")
			}
			assert.Len(t, out.lines("msg=flood"), 2*loglimit.MaxSame)
			flood.Warn("flood", "filter", "c")
			assert.Len(t, out.lines("msg=flood"), 2*loglimit.MaxSame+1)
			limiter.Flush()
			assert.Len(t, out.lines("line=flood filter=a stage=mail error=EOF suppressed=5 "), 1)
			assert.Len(t, out.lines("suppressed=1 "), 1)
		})
	}
}

// Texts of one kind share its limit: a further text has no line once the limit is reached,
// but counts. One of another type of error, stage or filter has its line.
func TestTextsOfOneKind(t *testing.T) {
	t.Parallel()
	var out book
	var limiter loglimit.Limiter
	log := out.logger(&limiter, "p")
	for i := range loglimit.MaxLines {
		log.Error("line", "error", fmt.Errorf("cannot parse part %d", i))
	}
	log.Error("line", "error", errors.New("license expired"))
	log.Error("line", "error", new(net.AddrError))
	assert.Len(t, out.lines("cannot parse part"), loglimit.MaxLines)
	assert.Empty(t, out.lines("license expired"))
	assert.Len(t, out.lines("msg=line"), loglimit.MaxLines+1)
	limiter.Flush()
	assert.Len(t, out.lines(`error="license expired" suppressed=1 `), 1)
}

// Lines that name no filter count as those of the filter that asked for the logger.
func TestFilterOfTheLogger(t *testing.T) {
	t.Parallel()
	var out book
	var limiter loglimit.Limiter
	for range loglimit.MaxSame + 1 {
		for _, filter := range []string{"f", "g"} {
			slog.New(limiter.Handler("p", filter, out.handler(), out.handler())).Warn("flood")
		}
	}
	assert.Len(t, out.lines("msg=flood"), 2*loglimit.MaxSame)
	limiter.Flush()
	assert.Len(t, out.lines("filter=f suppressed=1 "), 1)
	assert.Len(t, out.lines("filter=g suppressed=1 "), 1)
}

// Two kinds that differ in the type of their error alone are told apart by the first error
// that was suppressed, which is escaped and cut.
func TestErrorOfSuppressedLines(t *testing.T) {
	t.Parallel()
	var out book
	var limiter loglimit.Limiter
	log := out.logger(&limiter, "p")
	long := errors.New("\u202e" + strings.Repeat("x", 500))
	for range loglimit.MaxSame + 1 {
		log.Error("line", "error", &net.AddrError{Err: "no port"})
		log.Error("line", "error", long)
	}
	limiter.Flush()
	assert.Len(t, out.lines("suppressed"), 2)
	assert.Len(t, out.lines(`line=line error="no port" suppressed=1 `), 1)
	assert.Len(t, out.lines(`line=line error="\\u202e`+strings.Repeat("x", 253)+`… and 247 bytes more" suppressed=1 `), 1)
}

// Neither many peers nor many kinds make a limiter grow, and all lines are counted.
func TestBounded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		write func(out *book, l *loglimit.Limiter, i int)
		most  int
		line  string
	}{
		"peers": {
			func(out *book, l *loglimit.Limiter, i int) { out.logger(l, fmt.Sprint("p", i)).Warn("line") },
			loglimit.MaxPeers + loglimit.MaxSame,
			fmt.Sprintf("peer=others line=line suppressed=%d ", 5000-loglimit.MaxPeers-loglimit.MaxSame),
		},
		"kinds": {
			func(out *book, l *loglimit.Limiter, i int) { out.logger(l, "p").Warn(fmt.Sprint("m", i)) },
			loglimit.MaxKinds + loglimit.MaxSame,
			fmt.Sprintf("peer=p line=others suppressed=%d ", 5000-loglimit.MaxKinds-loglimit.MaxSame),
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out book
			var limiter loglimit.Limiter
			for i := range 5000 {
				c.write(&out, &limiter, i)
			}
			assert.Len(t, out.lines("session=s"), c.most)
			limiter.Flush()
			assert.Len(t, out.lines("suppressed="), 1)
			assert.Len(t, out.lines(c.line), 1)
		})
	}
}

// The window of a peer begins with its first line: each closes at its own time.
func TestWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out book
		var limiter loglimit.Limiter
		flood := func(peer string) {
			for range loglimit.MaxSame + 1 {
				out.logger(&limiter, peer).Warn("line")
			}
		}
		flood("p")
		time.Sleep(40 * time.Second)
		flood("q")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		assert.Len(t, out.lines("peer=p line=line suppressed=1"), 1)
		assert.Len(t, out.lines("suppressed"), 1)
		time.Sleep(40 * time.Second)
		synctest.Wait()
		assert.Len(t, out.lines("peer=q line=line suppressed=1"), 1)
		assert.Len(t, out.lines("suppressed"), 2)
	})
}

// The number is not written if the logger was silenced meanwhile.
func TestSilenced(t *testing.T) {
	t.Parallel()
	var out book
	var limiter loglimit.Limiter
	var level slog.LevelVar
	h := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: &level})
	log := slog.New(limiter.Handler("p", "", h, h))
	for range loglimit.MaxSame + 1 {
		log.Warn("line")
	}
	level.Set(slog.LevelError)
	limiter.Flush()
	assert.Empty(t, out.lines("suppressed"))
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	var out book
	var limiter loglimit.Limiter
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				out.logger(&limiter, "p").LogAttrs(context.Background(), slog.LevelWarn, "line")
				if i%50 == 0 {
					limiter.Flush()
				}
			}
		})
	}
	wg.Wait()
	limiter.Flush()
	passed, suppressed := len(out.lines("msg=line")), 0
	for _, line := range out.lines("suppressed=") {
		var n int
		_, err := fmt.Sscanf(line[strings.Index(line, "suppressed="):], "suppressed=%d", &n)
		assert.NoError(t, err)
		suppressed += n
	}
	assert.Equal(t, 1600, passed+suppressed, "no line is lost without being counted")
}

func TestPeer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		addr net.Addr
		want string
	}{
		"IPv4":           {&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25}, "192.0.2.1"},
		"IPv4 in IPv6":   {&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 25}, "192.0.2.1"},
		"IPv6":           {&net.TCPAddr{IP: net.ParseIP("2001:db8::1:2"), Port: 25}, "2001:db8::/64"},
		"IPv6, its zone": {&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "fe80::/64"},
		"unix":           {&net.UnixAddr{Name: "@", Net: "unix"}, "unix:/run/x.sock"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, loglimit.Peer(c.addr, "unix:/run/x.sock"))
		})
	}
}
