//go:build integration

package remote_test

import (
	"fmt"
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
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// marker is a filter that marks each message, with the size that it has seen of it.
func marker() framework.Filter {
	return miltertest.FilterFunc("marker", func(r *framework.Router) error {
		add, body := r.GrantAddHeader(), r.WantBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Filtered", fmt.Sprintf("%d bytes", body.Size(s)))
		})
		return nil
	})
}

// Behind a real Postfix, under load, a milter is restarted again and again, alone or as one of
// two. A client that tries again what was refused for now loses nothing: each message arrives
// once, and the milter has seen the whole of it.
func TestRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		healthy  int           // other milters of the pool
		pause    time.Duration // between two restarts
		restarts int64
	}{
		"alone":      {0, 100 * time.Millisecond, 20},
		"one of two": {1, time.Second, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t)
			dir := t.TempDir()
			addrs := []string{"unix:" + filepath.Join(dir, "killed")}
			for n := range tc.healthy {
				addrs = append(addrs, fmt.Sprintf("unix:%s/%d", dir, n))
				serveAt(t, addrs[n+1], marker())
			}
			kill := startAt(t, addrs[0], marker())
			f := lane(t, remote.Config{EjectFor: 50 * time.Millisecond}, addrs...)
			p.SetFilters(t, listenFor(t, p, f))

			var restarts, refusals atomic.Int64
			stop := make(chan struct{})
			var killing sync.WaitGroup
			killing.Go(func() {
				for {
					select {
					case <-stop:
						kill()
						return
					case <-time.After(tc.pause):
						if restarts.Load() == tc.restarts {
							continue // on a busy machine no message is done between two restarts
						}
						kill()
						kill = startAt(t, addrs[0], marker())
						restarts.Add(1)
					}
				}
			})
			const clients = 4
			var sent [clients][]string
			var sending sync.WaitGroup
			for n := range clients {
				client := dial(t, p)
				sending.Go(func() {
					for i := 0; restarts.Load() < tc.restarts || i < 50; i++ {
						to := fmt.Sprintf("m%d-%d@example.test", n, i)
						refusals.Add(insist(t, client, to))
						sent[n] = append(sent[n], to)
					}
				})
			}
			sending.Wait()
			close(stop)
			killing.Wait()
			assertMarked(t, p, sent[:])
			t.Logf("%d messages, %d restarts, %d answers that it is refused for now", len(sent[0])*clients, restarts.Load(), refusals.Load())
		})
	}
}

// dial connects a client.
func dial(t *testing.T, p *realmta.Postfix) *realmta.Client {
	t.Helper()
	client := realmta.DialSMTP(t, p.Addr())
	code, text := client.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return client
}

// letterBody is the body of the messages: several chunks, so that a milter can die in it.
var letterBody = strings.Repeat(strings.Repeat("x", 78)+"\r\n", 2000)

// insist sends a message until it is accepted, and returns how often it was refused.
func insist(t *testing.T, client *realmta.Client, to string) (refusals int64) {
	t.Helper()
	for {
		code, text := client.Deliver(realmta.Message{From: "ann@example.org", To: []string{to}, Data: []byte("Subject: x\r\n\r\n" + letterBody)})
		if code == 250 {
			return refusals
		}
		refusals++
		if !assert.Equal(t, 451, code, text) || !assert.Contains(t, text, "4.3.0 mail filter failed") {
			return refusals
		}
		client.Cmd("RSET")
	}
}

// assertMarked asserts that each message arrived once, with the mark of a milter that has seen
// the whole of it.
func assertMarked(t *testing.T, p *realmta.Postfix, sent [][]string) {
	t.Helper()
	total := 0
	for _, list := range sent {
		total += len(list)
	}
	arrived := make(map[string]int)
	for _, d := range p.Sink().Wait(t, total) {
		arrived[d.To[0]]++
		assert.Equal(t, 1, strings.Count(string(d.Data), fmt.Sprintf("\r\nX-Filtered: %d bytes\r\n", len(letterBody))))
	}
	for _, list := range sent {
		for _, to := range list {
			assert.Equal(t, 1, arrived[to], to)
		}
	}
	assert.Len(t, arrived, total)
}
