package framework_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// goingAway is an MTA whose filter has started a function for the connection and one for
// the message.
type goingAway struct {
	*mta.Conn

	raw net.Conn
}

func dialGoingAway(ctx context.Context, addr net.Addr) (goingAway, error) {
	raw, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return goingAway{}, err
	}
	c := goingAway{mta.NewConn(raw, mta.Config{}), raw}
	if err := c.Negotiate(ctx); err != nil {
		return c, err
	}
	return c, c.begin(ctx)
}

// begin begins an SMTP session with a message. When it returns, both functions run.
func (c goingAway) begin(ctx context.Context) error {
	if _, err := c.Connect(ctx, &wire.Connect{Host: []byte("client"), Family: wire.FamilyUnknown}); err != nil {
		return err
	}
	_, err := c.Mail(ctx, "<a@example.org>")
	return err
}

// goAway returns the ways in which an MTA goes away in the middle of a message. The last two
// begin another message before, which a server that shuts down does not take.
func goAway() []func(context.Context, goingAway) error {
	closed := func(_ context.Context, c goingAway) error { return c.Close() }
	return []func(context.Context, goingAway) error{
		closed,
		func(ctx context.Context, c goingAway) error { return c.Quit(ctx) },
		func(ctx context.Context, c goingAway) error { // a reset, where the network has one
			if tcp, ok := c.raw.(*net.TCPConn); ok {
				if err := tcp.SetLinger(0); err != nil {
					return err
				}
			}
			return closed(ctx, c)
		},
		func(ctx context.Context, c goingAway) error { // half a frame
			if _, err := c.raw.Write(raw('L', "Subject\x00 hello\x00")[:9]); err != nil {
				return err
			}
			return closed(ctx, c)
		},
		func(ctx context.Context, c goingAway) error { // while a handler waits
			c.Frame(byte(wire.CmdBodyEOB), nil)
			if err := c.Flush(ctx); err != nil {
				return err
			}
			return closed(ctx, c)
		},
		func(ctx context.Context, c goingAway) error { // ABORT, and another message
			if err := c.Abort(); err != nil {
				return err
			}
			if _, err := c.Mail(ctx, "<b@example.org>"); err != nil {
				return err
			}
			return c.Quit(ctx)
		},
		func(ctx context.Context, c goingAway) error { // QUIT_NC, and another session
			if err := c.QuitNC(); err != nil {
				return err
			}
			if err := c.begin(ctx); err != nil {
				return err
			}
			return closed(ctx, c)
		},
	}
}

// lookUps returns a router that starts a function for each connection and for each message.
// The functions return when their contexts end, and running counts them.
func lookUps(running *atomic.Int64) *framework.Router {
	look := func(ctx context.Context) ([]byte, error) {
		running.Add(1)
		defer running.Add(-1)
		<-ctx.Done()
		return make([]byte, 1<<10), ctx.Err()
	}
	r := framework.NewRouter()
	message, session := framework.Async[[]byte](r), framework.AsyncPerConnection[[]byte](r)
	r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error { return session.Start(s, look) })
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		return framework.Continue, message.Start(s, look)
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		_, err := message.Wait(s)
		return framework.Continue, err
	})
	return r
}

// Of 10,000 connections whose MTAs go away while functions run, nothing is left: no
// function, no goroutine, no open message and no memory. The last of them are open when the
// server shuts down.
//
//nolint:paralleltest // it counts the goroutines and the memory of the process
func TestAsyncOfSessionsThatGoAway(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	const clients, sessions, open = 20, 495, 100
	var running atomic.Int64
	cfg := quiet()
	cfg.ProgressInterval, cfg.DrainGrace = 10*time.Millisecond, 10*time.Millisecond
	srv := newServer(t, lookUps(&running), cfg)
	var served, all sync.WaitGroup
	var addrs []net.Addr
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", t.TempDir() + "/s"}} {
		ln, err := net.Listen(at[0], at[1])
		require.NoError(t, err)
		addrs = append(addrs, ln.Addr())
		served.Go(func() { assert.ErrorIs(t, srv.Serve(ln), framework.ErrServerClosed) })
	}

	before, ways := heap(), goAway()
	for client := range clients {
		all.Go(func() {
			for i := range sessions {
				c, err := dialGoingAway(t.Context(), addrs[(client+i)%2])
				if err == nil {
					err = ways[i%len(ways)](t.Context(), c)
				}
				if !assert.NoError(t, err, "session %d of client %d", i, client) {
					return
				}
				_ = c.raw.Close() // most ways have closed it
			}
		})
	}
	all.Wait()

	left := make([]goingAway, open)
	for i := range left {
		var err error
		left[i], err = dialGoingAway(t.Context(), addrs[i%2])
		require.NoError(t, err)
	}
	shut := make(chan error, 1)
	go func() { shut <- srv.Shutdown(t.Context()) }()
	served.Wait() // it accepts no more
	ways = ways[:len(ways)-2]
	for i, c := range left {
		require.NoError(t, ways[i%len(ways)](t.Context(), c))
		_ = c.raw.Close()
	}
	require.NoError(t, <-shut)

	stats := srv.Stats()
	assert.EqualValues(t, clients*sessions+open, stats.ConnectionsTotal)
	assert.Greater(t, stats.AsyncTotal, 2*stats.ConnectionsTotal)
	for name, got := range map[string]int64{
		"functions": stats.AsyncRunning, "functions that run": running.Load(), "connections": stats.Connections,
		"messages": stats.MessagesOpen, "handlers": stats.AbandonedHandlers, "memory kept": stats.KeptMemory,
	} {
		assert.Zero(t, got, name)
	}
	assert.Less(t, heap(), before+2<<20, "%d functions have run", stats.AsyncTotal)
}
