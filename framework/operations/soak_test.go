package operations_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

var errChance = errors.New("by chance")

// chance is a filter with random verdicts and random edits.
func chance(seed uint64) *framework.Router {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 0))
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(n)
	}
	decide := func() (framework.Verdict, error) {
		switch draw(40) {
		case 0:
			return framework.Reject, nil
		case 1:
			return framework.TempFail, nil
		case 2:
			return framework.Accept, nil
		case 3:
			return framework.Continue, errChance
		case 4:
			panic("by chance")
		}
		return framework.Continue, nil
	}
	r := framework.NewRouter()
	add, change, headers := r.GrantInsertHeader(), r.GrantChangeHeader(), r.WantHeaders()
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return decide() })
	r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return decide() })
	r.OnHeader(func(*framework.Session, *framework.Header) (framework.Verdict, error) { return decide() })
	r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) { return decide() })
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for f := range headers.All(s) {
			if draw(3) == 0 {
				if err := change.Delete(s, f.Handle); err != nil {
					return framework.Continue, err
				}
			}
		}
		if err := add.Insert(s, draw(3), "X-Soak", fmt.Sprint(s.ID())); err != nil {
			return framework.Continue, err
		}
		return decide()
	})
	return r
}

// Many concurrent MTAs meet random verdicts and edits, abort messages and
// disconnect.
func TestSoak(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	srv := newServer(t, chance(seed), quiet())
	ln, err := framework.Listen("inet:0@127.0.0.1")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	stop := time.Now().Add(time.Duration(scaled(5, 60)) * time.Second)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)+1))
			for time.Now().Before(stop) {
				soak(t, "inet:"+ln.Addr().String(), rnd)
			}
		})
	}
	wg.Wait()
	require.NoError(t, srv.Shutdown(t.Context()))
	assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	stats := srv.Stats()
	t.Logf("%d connections, %d messages, %d failures of handlers", stats.ConnectionsTotal, stats.MessagesTotal, stats.HandlerErrors)
	assert.Zero(t, stats.Connections)
	assert.Zero(t, stats.MessagesOpen)
	assert.Zero(t, stats.ProtocolErrors)
	assert.Positive(t, stats.HandlerErrors)
}

// soak is one connection with a few messages, which may break at any point.
func soak(t *testing.T, address string, rnd *rand.Rand) {
	t.Helper()
	conn, err := mta.Dial(t.Context(), address, mta.Config{Flavor: mta.Flavor(rnd.IntN(2))})
	if !assert.NoError(t, err) {
		return
	}
	defer func() { _ = conn.Close() }()
	for range rnd.IntN(5) {
		if rnd.IntN(4) == 0 {
			_, err = conn.Mail(t.Context(), "<a@example.org>")
			assert.NoError(t, errors.Join(err, conn.Abort()))
			continue
		}
		_, err := conn.Send(t.Context(), &mta.Message{
			Recipients: []mta.Recipient{{Addr: "<b@example.net>"}, {Addr: "<c@example.net>"}},
			Header:     []mta.Field{{Name: "From", Value: " a"}, {Name: "Subject", Value: " b"}, {Name: "X", Value: " c"}},
			Body:       make([]byte, rnd.IntN(100_000)),
		})
		assert.NoError(t, err)
	}
	if rnd.IntN(2) == 0 {
		_, _ = conn.Mail(t.Context(), "<half@example.org>")
		_ = conn.Flush(t.Context())
	}
}
