package filter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/examples/clamav/filter"
	"github.com/sluicemail/sluice/examples/internal/clamdtest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rejecting is a filter that refuses what it can.
func rejecting(clamd string) filter.Filter {
	return filter.Filter{Clamd: clamd, Infected: filter.Reject, TooLarge: filter.Reject}
}

// until waits for the end of the connection.
func until(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

const text = "Subject: hello\n folded\n\nHow are you?\n"

// What each reply of clamd means, for a filter that refuses what it can. A reply that
// clamd does not give, or none, means that the message was not scanned.
func TestReplies(t *testing.T) {
	t.Parallel()
	const unscanned = "451 4.3.0"
	tests := map[string]struct{ reply, want string }{
		"clean":                     {"stream: OK\x00", ""},
		"infected":                  {"stream: Eicar-Test-Signature FOUND\x00", "550 5.7.1 virus scan: Eicar-Test-Signature"},
		"a name to clean":           {"stream: A\x1b[31m\r\n\u202eB FOUND\x00", "550-5.7.1 virus scan: A [31m\n550 5.7.1 B"},
		"a long name":               {"stream: " + strings.Repeat("n", 600) + " FOUND\x00", "550-5.7.1 virus scan:\n550-5.7.1 " + strings.Repeat("n", 100)},
		"too large":                 {"INSTREAM size limit exceeded. ERROR\x00", "552 5.3.4 virus scan: too large to scan"},
		"another error":             {"stream: lstat() failed ERROR\x00", unscanned},
		"a command that it ignores": {"UNKNOWN COMMAND\x00", unscanned},
		"OK for something else":     {"/tmp/x: OK\x00", unscanned},
		"no end":                    {"stream: OK", unscanned},
		"no end of a long line":     {strings.Repeat("x", 5000), unscanned},
		"garbage":                   {"\xff\xfe\x01\x00", unscanned},
		"an empty line":             {"\x00", unscanned},
		"nothing":                   {"", unscanned},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, rejecting(clamdtest.Serve(t, clamdtest.Replies(c.reply))), miltertest.Message(text))
			if c.want == "" {
				res.AssertAccepted(t)
				res.AssertUnmodified(t)
				return
			}
			assert.Contains(t, res.Reply(), c.want)
			assert.False(t, res.Delivered())
		})
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	infected, large := "stream: A\x1bB FOUND\x00", "INSTREAM size limit exceeded. ERROR\x00"
	run := func(t *testing.T, reply, onInfected, onLarge string) *miltertest.Result {
		t.Helper()
		f := rejecting(clamdtest.Serve(t, clamdtest.Replies(reply)))
		f.Infected, f.TooLarge = onInfected, onLarge
		return miltertest.Run(t, f, miltertest.Message(text))
	}
	t.Run("quarantine infected", func(t *testing.T) {
		t.Parallel()
		run(t, infected, filter.Quarantine, filter.Reject).AssertQuarantined(t, "virus scan: A B")
	})
	t.Run("mark infected", func(t *testing.T) {
		t.Parallel()
		res := run(t, infected, filter.Mark, filter.Reject)
		res.AssertAccepted(t)
		assert.Equal(t, []string{"A B"}, res.HeaderValues("X-Virus-Status"))
	})
	t.Run("quarantine large", func(t *testing.T) {
		t.Parallel()
		run(t, large, filter.Reject, filter.Quarantine).AssertQuarantined(t, "virus scan: too large to scan")
	})
	t.Run("mark large", func(t *testing.T) {
		t.Parallel()
		res := run(t, large, filter.Reject, filter.Mark)
		res.AssertAccepted(t)
		assert.Equal(t, "too large to scan", res.Header("X-Virus-Status"))
	})
	t.Run("accept large", func(t *testing.T) {
		t.Parallel()
		res := run(t, large, filter.Reject, filter.Accept)
		res.AssertAccepted(t)
		res.AssertUnmodified(t)
		_, logged := res.Logs.Find("found by clamd")
		assert.True(t, logged, "somebody should know")
	})
}

// Clamd gets the message as the filters mounted before left it.
func TestWhatClamdSees(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	clamd := clamdtest.Serve(t, func(conn net.Conn) {
		all, err := clamdtest.Message(conn)
		assert.NoError(t, err)
		seen <- string(all)
		_, _ = io.WriteString(conn, "stream: Test FOUND\x00")
	})
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("before", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Before", "1")
		})
		return nil
	}))
	f := rejecting(clamd)
	f.Infected = filter.Mark
	r.Mount(f)
	r.Mount(miltertest.FilterFunc("behind", func(r *framework.Router) error {
		header := r.WantHeaders()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			mark, ok := header.First(s, "X-Virus-Status")
			assert.True(t, ok)
			assert.True(t, mark.Origin.Added())
			assert.Equal(t, "clamav", mark.Origin.Filter)
			return framework.Continue, nil
		})
		return nil
	}))
	miltertest.RunRouter(t, r, miltertest.Message(text)).AssertAccepted(t)
	assert.Equal(t, "Received: by clamav\r\nSubject: hello\r\n folded\r\nX-Before: 1\r\n\r\nHow are you?\r\n", <-seen)
}

// named is a filter that may be mounted beside others of its kind.
type named struct {
	filter.Filter

	name string
}

// Name implements framework.Filter.
func (n named) Name() string { return n.name }

// Two filters that scan early wait for each other's clamd, and not one after the other: here
// each clamd replies when the other one has the message, too. They see the message as it
// came, whatever a filter mounted before adds.
func TestEarly(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	seen := make(chan string, 2)
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("before", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Before", "1")
		})
		return nil
	}))
	for _, name := range []string{"first", "second"} {
		r.Mount(named{filter.Filter{Infected: filter.Mark, Early: true, Clamd: clamdtest.Serve(t, func(conn net.Conn) {
			all, err := clamdtest.Message(conn)
			assert.NoError(t, err)
			seen <- string(all)
			both.Done()
			both.Wait()
			_, _ = io.WriteString(conn, "stream: Test FOUND\x00")
		})}, name})
	}
	res := miltertest.RunRouter(t, r, miltertest.Message(text))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"Test", "Test"}, res.HeaderValues("X-Virus-Status"))
	for range 2 {
		assert.Equal(t, "Received: by clamav\r\nSubject: hello\r\n folded\r\n\r\nHow are you?\r\n", <-seen)
	}
}

// An early scan fails as any other, also if the message ends before its reply.
func TestEarlyFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		clamd string
		limit time.Duration
		want  string
	}{
		"no clamd":  {filepath.Join(t.TempDir(), "gone"), time.Minute, "451 4.3.0"},
		"too large": {clamdtest.Serve(t, clamdtest.Replies("INSTREAM size limit exceeded. ERROR\x00")), time.Minute, "552 5.3.4"},
		"hangs":     {clamdtest.Serve(t, until), 50 * time.Millisecond, "451 4.3.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := rejecting(c.clamd)
			f.Early = true
			limit := framework.With(middleware.Timeout(middleware.TimeoutConfig{Event: c.limit}))
			for _, msg := range []string{text, large} {
				assert.Contains(t, miltertest.Run(t, f, miltertest.Message(msg), miltertest.Lane(limit)).Reply(), c.want)
			}
		})
	}
}

// BenchmarkTwoScanners measures a message that two clamd take 50 ms each to scan.
func BenchmarkTwoScanners(b *testing.B) {
	for _, early := range []bool{false, true} {
		b.Run(fmt.Sprintf("early=%t", early), func(b *testing.B) {
			r := framework.NewRouter()
			for _, name := range []string{"first", "second"} {
				f := rejecting(clamdtest.Serve(b, func(conn net.Conn) {
					if _, err := clamdtest.Message(conn); err == nil {
						time.Sleep(50 * time.Millisecond)
						_, _ = io.WriteString(conn, "stream: OK\x00")
					}
				}))
				f.Early = early
				r.Mount(named{f, name})
			}
			conn := miltertest.NewRouterServer(b, r).Dial(b)
			for b.Loop() {
				conn.Run(b, miltertest.Message(text)).AssertAccepted(b)
			}
		})
	}
}

// large is a message that no socket holds at once.
var large = "Subject: large\n\n" + strings.Repeat(strings.Repeat("x", 70)+"\n", 20_000)

// A clamd that answers before it has read the message and closes the connection is
// believed if it refuses the message, but not if it finds nothing.
func TestAnswersEarly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ reply, want string }{
		"infected":  {"stream: Early FOUND\x00", "550 5.7.1 virus scan: Early"},
		"too large": {"INSTREAM size limit exceeded. ERROR\x00", "552 5.3.4"},
		"clean":     {"stream: OK\x00", "451 4.3.0"},
		"nothing":   {"", "451 4.3.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clamd := clamdtest.Serve(t, func(conn net.Conn) {
				_, _ = io.ReadFull(conn, make([]byte, 100)) // dies in the middle
				_, _ = io.WriteString(conn, c.reply)
			})
			res := miltertest.Run(t, rejecting(clamd), miltertest.Message(large))
			assert.Contains(t, res.Reply(), c.want)
		})
	}
}

// A clamd that hangs, whether it reads or not, costs the time limit of the handler. It
// hangs until the filter has given up.
func TestHangs(t *testing.T) {
	t.Parallel()
	for name, reads := range map[string]bool{"reads": true, "reads nothing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gaveUp := make(chan struct{})
			defer close(gaveUp)
			soon := framework.With(middleware.Timeout(middleware.TimeoutConfig{Event: 50 * time.Millisecond}))
			res := miltertest.Run(t, rejecting(clamdtest.Serve(t, func(conn net.Conn) {
				if reads {
					until(conn)
				}
				<-gaveUp
			})), miltertest.Message(large), miltertest.Lane(soon))
			assert.Contains(t, res.Reply(), "451 4.3.0")
		})
	}
}

func TestSlowReply(t *testing.T) {
	t.Parallel()
	clamd := clamdtest.Serve(t, func(conn net.Conn) {
		if _, err := clamdtest.Message(conn); err == nil {
			for _, b := range []byte("stream: Slow FOUND\x00") {
				_, _ = conn.Write([]byte{b})
			}
		}
	})
	res := miltertest.Run(t, rejecting(clamd), miltertest.Message(text))
	assert.Contains(t, res.Reply(), "virus scan: Slow")
}

func TestNoClamd(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{filepath.Join(t.TempDir(), "gone"), "127.0.0.1:1", ""} {
		res := miltertest.Run(t, rejecting(gone), miltertest.Message(text))
		assert.Contains(t, res.Reply(), "451 4.3.0")
		res = miltertest.Run(t, rejecting(gone), miltertest.Message(text), miltertest.Lane(framework.FailOpen()))
		res.AssertAccepted(t)
		res.AssertUnmodified(t)
	}
}

// If the message cannot be read, clamd is not kept waiting.
func TestScanReadFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	_, err := filter.Scan(t.Context(), clamdtest.Serve(t, clamdtest.Replies("stream: OK\x00")), iotest.ErrReader(broken))
	assert.ErrorIs(t, err, broken)
}

func TestScanEndsWithTheContext(t *testing.T) {
	t.Parallel()
	why := errors.New("the MTA has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	clamd := clamdtest.Serve(t, func(conn net.Conn) {
		_, _ = clamdtest.Message(conn)
		cancel(why)
		until(conn)
	})
	_, err := filter.Scan(ctx, clamd, strings.NewReader(text))
	assert.ErrorIs(t, err, why)
}

// An MTA that cannot do what the filter is told to do with infected mail refuses it.
func TestNotAllowed(t *testing.T) {
	t.Parallel()
	clamd := clamdtest.Serve(t, clamdtest.Finds("Test.Virus", "VIRUS"))
	for _, do := range []string{filter.Quarantine, filter.Mark} {
		lacking := miltertest.As(miltertest.Postfix().WithoutActions(wire.ActionQuarantine | wire.ActionAddHdrs))
		f := filter.Filter{Clamd: clamd, Infected: do}
		miltertest.Run(t, f, miltertest.Message(text+"VIRUS\n"), lacking).AssertRejected(t)
		miltertest.Run(t, f, miltertest.Message(text), lacking).AssertAccepted(t)
	}
}

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	tests := map[string]filter.Filter{
		"reject": {Infected: filter.Reject}, "quarantine": {Infected: filter.Quarantine}, "mark": {Infected: filter.Mark},
		"early": {Infected: filter.Mark, Early: true},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.Clamd = clamdtest.Serve(t, clamdtest.Finds("Test.Virus", "VIRUS"))
			miltertest.TestFilter(t, f, miltertest.Messages(miltertest.Message(text+"VIRUS\n")))
		})
	}
}
