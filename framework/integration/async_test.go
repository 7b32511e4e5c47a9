//go:build integration

package integration_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// meeting is where functions wait until all of them run. It says that they run at the same
// time, however fast the machine is.
type meeting struct {
	mu      sync.Mutex
	size    int
	present int
	full    chan struct{}
}

func newMeeting(size int) *meeting { return &meeting{size: size, full: make(chan struct{})} }

// join returns true when all have joined, or an error if the context ends before.
func (m *meeting) join(ctx context.Context) (bool, error) {
	m.mu.Lock()
	if m.present++; m.present == m.size {
		close(m.full)
		m.present, m.full = 0, make(chan struct{})
		m.mu.Unlock()
		return true, nil
	}
	full := m.full
	m.mu.Unlock()
	select {
	case <-full:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// meets is a filter that begins its work before the end of the message, adds a field to the
// message, and works together with the other filters of the meeting.
func meets(t *testing.T, name string, m *meeting) framework.Filter {
	t.Helper()
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		headers, body, add := r.WantHeaders(), r.WantBody(), r.GrantAddHeader()
		met := framework.Async[bool](r)
		r.BeforeEndOfMessage(func(s *framework.Session) error {
			_, changed := headers.First(s, "X-Met")
			assert.False(t, changed, "it sees the message as it came")
			assert.Positive(t, body.Size(s))
			return met.Start(s, m.join)
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if _, err := met.Wait(s); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, add.Append(s, "X-Met", name)
		})
		return nil
	})
}

// TestAsync has three filters behind real MTAs, whose functions each return when all three
// run. If the filters waited one after the other, no message would be delivered.
func TestAsync(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "tcp")
			together := newMeeting(3)
			r := framework.NewRouter()
			for _, name := range []string{"first", "second", "third"} {
				r.Mount(meets(t, name, together))
			}
			g.serveConfig(t, r, quiet())
			deliver(t, mta, 250, 250)
			for _, mail := range mta.Sink().Wait(t, 2) {
				assert.Contains(t, string(mail.Data), "X-Met: first\r\nX-Met: second\r\nX-Met: third\r\n")
			}
			assert.Zero(t, g.all[0].Stats().HandlerErrors)
		})
	}
}

// TestAsyncOfClientsThatLeave has functions that end with their context only, and clients
// that give up their message in different ways.
func TestAsyncOfClientsThatLeave(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "tcp")
			r := framework.NewRouter()
			message, session := framework.Async[int](r), framework.AsyncPerConnection[int](r)
			wait := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
			r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error { return session.Start(s, wait) })
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				return framework.Continue, message.Start(s, wait)
			})
			g.serveConfig(t, r, quiet())
			srv := g.all[0]
			for range 3 {
				c := dial(t, mta)
				for _, line := range []string{"MAIL FROM:<a@example.org>", "RSET", "MAIL FROM:<b@example.org>"} {
					code, text := c.Cmd(line)
					require.Equal(t, 250, code, text)
				}
				c.Close() // without QUIT
				c = dial(t, mta)
				code, text := c.Cmd("MAIL FROM:<c@example.org>")
				require.Equal(t, 250, code, text)
				c.Cmd("QUIT")
				c.Close()
			}
			require.Eventually(t, func() bool { return srv.Stats().AsyncRunning == 0 }, time.Minute, 10*time.Millisecond)
			assert.EqualValues(t, 3*5, srv.Stats().AsyncTotal)
		})
	}
}
