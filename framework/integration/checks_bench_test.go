//go:build integration

package integration_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// checkTime is how long a check of BenchmarkThreeChecks takes, as one that asks a server.
const checkTime = 100 * time.Millisecond

// begin says when a check begins.
type begin int

const (
	atEnd begin = iota
	beforeEnd
	atMail
)

// check returns a filter that takes a while for each message.
func check(name string, when begin) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		value := framework.Async[bool](r)
		start := func(s *framework.Session) error {
			return value.Start(s, func(ctx context.Context) (bool, error) {
				select {
				case <-time.After(checkTime):
				case <-ctx.Done():
				}
				return true, ctx.Err()
			})
		}
		switch when {
		case beforeEnd:
			r.BeforeEndOfMessage(start)
		case atMail:
			r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return start(s) })
		case atEnd:
		}
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if when == atEnd {
				if err := start(s); err != nil {
					return framework.Continue, err
				}
			}
			_, err := value.Wait(s)
			return framework.Continue, err
		})
		return nil
	})
}

// BenchmarkThreeChecks measures what a client of a real Postfix waits for after its final
// dot, without filters and with three that take 100 ms each. The slow client takes 300 ms
// from MAIL to the dot.
func BenchmarkThreeChecks(b *testing.B) {
	lanes := func(when begin) [][]framework.Filter {
		return [][]framework.Filter{{check("first", when), check("second", when), check("third", when)}}
	}
	for _, bm := range []struct {
		name    string
		servers [][]framework.Filter // one milter of Postfix's list each
		client  time.Duration
	}{
		{"no filter", nil, 0},
		{"three milters", [][]framework.Filter{{check("first", atEnd)}, {check("second", atEnd)}, {check("third", atEnd)}}, 0},
		{"lanes in turn", lanes(atEnd), 0},
		{"lanes begun before the end", lanes(beforeEnd), 0},
		{"no filter, slow client", nil, 3 * checkTime},
		{"lanes begun at MAIL, slow client", lanes(atMail), 3 * checkTime},
	} {
		b.Run(strings.ReplaceAll(bm.name, " ", "_"), func(b *testing.B) {
			mta := realmta.StartPostfix(b, realmta.PostfixConfig{})
			addrs := make([]net.Addr, len(bm.servers))
			for i, filters := range bm.servers {
				addrs[i] = serveFilters(b, mta, filters)
			}
			mta.SetFilters(b, addrs...)
			c := realmta.DialSMTP(b, mta.Addr())
			defer c.Close()
			command(b, c, "EHLO client.example.test", 250)
			var waited time.Duration
			for b.Loop() {
				waited += sendSlowly(b, c, bm.client)
			}
			b.ReportMetric(float64(waited.Microseconds())/1000/float64(b.N), "ms-after-dot/op")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// serveFilters serves filters on a socket of the MTA until the benchmark ends.
func serveFilters(b *testing.B, mta realmta.MTA, filters []framework.Filter) net.Addr {
	b.Helper()
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	srv, err := framework.NewServer(r, quiet())
	require.NoError(b, err)
	ln := mta.Listen(b, "tcp")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	b.Cleanup(func() {
		_ = srv.Close()
		require.ErrorIs(b, <-served, framework.ErrServerClosed)
	})
	return ln.Addr()
}

// sendSlowly sends a message whose client takes a while before the dot, and returns how
// long the reply took.
func sendSlowly(b *testing.B, c *realmta.Client, client time.Duration) time.Duration {
	b.Helper()
	command(b, c, "MAIL FROM:<a@example.org>", 250)
	command(b, c, "RCPT TO:<b@example.test>", 250)
	command(b, c, "DATA", 354)
	time.Sleep(client)
	dot := time.Now()
	require.NoError(b, c.Send([]byte("Subject: hello\r\n\r\nHow are you?\r\n.\r\n")))
	code, text := c.Reply()
	took := time.Since(dot)
	require.Equal(b, 250, code, text)
	return took
}

// command sends a command that must have the given reply.
func command(b *testing.B, c *realmta.Client, line string, want int) {
	b.Helper()
	code, text := c.Cmd(line)
	require.Equal(b, want, code, text)
}
