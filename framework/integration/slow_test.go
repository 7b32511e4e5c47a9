//go:build integration

package integration_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// patience is how long the servers of these tests wait for a reply, and work is
// how long the filter takes. At the end of a message Sendmail waits longer as
// long as it gets progress replies.
const (
	patience = 3 * time.Second
	work     = 5 * time.Second
)

func impatient() map[string]func(testing.TB) realmta.MTA {
	return map[string]func(testing.TB) realmta.MTA{
		"postfix":  realmta.Each(realmta.Config{CommandTimeout: patience, MessageTimeout: patience})["postfix"],
		"sendmail": realmta.Each(realmta.Config{CommandTimeout: patience, MessageTimeout: 20 * time.Second})["sendmail"],
	}
}

// TestProgress has a handler that takes longer than the MTA waits. With
// progress replies the MTA keeps waiting. Without them it gives up the filter,
// and the handler's context ends. Sendmail accepts progress replies only at the
// end of the message.
func TestProgress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		at       string
		interval time.Duration
		code     map[string]int
	}{
		{"end of message", 200 * time.Millisecond, map[string]int{"postfix": 250, "sendmail": 250}},
		{"end of message", time.Hour, map[string]int{"postfix": 451, "sendmail": 451}},
		{"mail", 200 * time.Millisecond, map[string]int{"postfix": 250, "sendmail": 451}},
		{"body", 200 * time.Millisecond, map[string]int{"postfix": 250, "sendmail": 451}},
		{"body", time.Hour, map[string]int{"postfix": 451, "sendmail": 451}},
	}
	for name, start := range impatient() {
		for _, network := range networks() {
			t.Run(name+" over "+network, func(t *testing.T) {
				t.Parallel()
				mta, g := behind(t, start, network)
				for _, tt := range tests {
					ended := make(chan error, 1)
					cfg := quiet()
					cfg.ProgressInterval = tt.interval
					g.serveConfig(t, slowRouter(tt.at, work, ended), cfg)
					code, text := dial(t, mta).Deliver(realmta.Message{
						From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(simple),
					})
					assert.Equal(t, tt.code[name], code, "%v every %v: %s", tt.at, tt.interval, text)
					if code == 250 {
						assert.NoError(t, <-ended, "the handler was let finish")
						assert.Contains(t, string(mta.Sink().Wait(t, 1)[0].Data), "\r\nX-Slow: yes\r\n")
						mta.Sink().Reset()
						continue
					}
					assert.ErrorIs(t, <-ended, framework.ErrPeerGone, "%v every %v", tt.at, tt.interval)
				}
				mta.Sink().StaysEmpty(t, realmta.ToRecipient("b@example.test"), 500*time.Millisecond)
			})
		}
	}
}

// TestPeerGone stops an MTA and its client while the filter works.
func TestPeerGone(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			g := newGate(t, listener, name) // outlives the MTA
			began, ended := make(chan struct{}), make(chan error, 1)
			r := framework.NewRouter()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				close(began)
				<-s.Context().Done()
				ended <- context.Cause(s.Context())
				return framework.Accept, nil
			})
			g.serve(t, r)
			t.Run("the MTA", func(t *testing.T) {
				mta := start(t)
				mta.SetFilters(t, g.Addr())
				c := dial(t, mta)
				go c.Deliver(realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(simple)})
				<-began
				c.Close()
				assert.Empty(t, ended, "the MTA waits on without its client")
			})
			stopped := time.Now()
			require.ErrorIs(t, <-ended, framework.ErrPeerGone)
			assert.Less(t, time.Since(stopped), time.Minute)
		})
	}
}

// slowRouter has a handler that works for some time unless its context ends
// first. It reports why it stopped, and then marks the message.
func slowRouter(at string, work time.Duration, ended chan<- error) *framework.Router {
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	linger := func(s *framework.Session) (framework.Verdict, error) {
		select {
		case <-time.After(work):
			ended <- nil
		case <-s.Context().Done():
			ended <- context.Cause(s.Context())
		}
		return framework.Continue, add.Append(s, "X-Slow", "yes")
	}
	switch at {
	case "mail":
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) { return linger(s) })
	case "body":
		r.OnBody(func(s *framework.Session, _ *framework.Body) (framework.Verdict, error) { return linger(s) })
	default:
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return linger(s) })
	}
	return r
}
