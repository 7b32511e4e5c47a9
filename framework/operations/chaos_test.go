//go:build integration

package operations_test

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// place starts a server and returns the address at which its filter must
// listen.
type place func(t *testing.T) (mta *realmta.Postfix, address string)

func places() map[string]place {
	return map[string]place{
		"unix": func(t *testing.T) (*realmta.Postfix, string) {
			t.Helper()
			mta := postfix(t, "unix:milter/f.sock")
			return mta, "unix:" + filepath.Join(mta.SocketDir(), "f.sock") + "?mode=0666"
		},
		"tcp": func(t *testing.T) (*realmta.Postfix, string) {
			t.Helper()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			require.NoError(t, ln.Close()) // the port is free for the filters
			address := "inet:" + ln.Addr().String()
			return postfix(t, address), address
		},
	}
}

// postfix starts a server whose processes serve many clients, for a higher
// rate.
func postfix(t *testing.T, milter string) *realmta.Postfix {
	t.Helper()
	return realmta.StartPostfix(t, realmta.PostfixConfig{
		Milters: []string{milter}, Main: map[string]string{"realmta_max_use": "100"},
	})
}

// If a filter is killed at any moment, no message passes unfiltered: Postfix
// defers a message that it cannot show to the filter.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, address := at(t)
			kills, total := scaled(5, 50), scaled(300, 3000)
			filter := launch(t, program, address, nil)
			l := start(t, mta, total, stopGrace)
			for i := range kills {
				l.reach(t, int64((i+1)*total/(kills+2)))
				time.Sleep(rand.N(30 * time.Millisecond))
				filter.kill(t)
				filter = launch(t, program, address, nil)
			}
			l.finish(t)
			t.Logf("%d kills: %d messages delivered, all filtered; %d times deferred", kills, total, l.deferred.Load())
			assert.Positive(t, l.deferred.Load(), "no kill was noticed: they prove nothing")
			filter.terminate(t)
			filter.drained(t)
		})
	}
}

// A filter that gets SIGTERM finishes its messages while its replacement at the
// same address accepts new connections. Messages in between are deferred.
func TestReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, address := at(t)
			restarts, total := scaled(3, 20), scaled(300, 5000)
			filter := launch(t, program, address, nil)
			l := start(t, mta, total, stopGrace)
			for i := range restarts {
				l.reach(t, int64((i+1)*total/(restarts+2)))
				old := filter
				old.terminate(t)
				filter = launch(t, program, address, nil)
				defer old.drained(t)
			}
			l.finish(t)
			t.Logf("%d restarts: %d messages delivered, all filtered; %d times deferred", restarts, total, l.deferred.Load())
			filter.terminate(t)
			filter.drained(t)
		})
	}
}

// A filter that hands over starts its replacement and ends when the replacement
// serves. No message is lost or deferred. If the machine is so busy that a
// session is idle for the whole grace, that session is counted separately.
func TestRelievedUnderLoad(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, address := at(t)
			restarts, total := scaled(5, 20), scaled(400, 5000)
			line := newLine(t, program, address)
			l := start(t, mta, total, relieveGrace)
			for i := range restarts {
				l.reach(t, int64((i+1)*total/(restarts+2)))
				line.succeed(t)
			}
			l.finish(t)
			t.Logf("%d hand-overs: %d messages delivered, all filtered; %d times deferred", restarts, total, l.deferred.Load())
			assert.Equal(t, l.paused.Load(), l.deferred.Load(), "a session that does not pause is not cut off")
			line.end(t)
			assert.Equal(t, restarts, line.first.Stderr.Count("msg=\"handed over\""))
			assert.Equal(t, restarts+1, line.first.Stderr.Count("msg=drained"))
		})
	}
}

// If a socket outlives the filter, as a socket of systemd does, connections
// wait for the next filter, and accepted connections are served. If the machine
// is so busy that a session is idle for the whole grace, the session ends and
// its message is deferred. Such sessions are counted separately, as far as they
// are visible from outside.
func TestHandedOverUnderLoad(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, listen := range map[string]func(t *testing.T) (*realmta.Postfix, *os.File){
		"unix": heldUnix,
		"tcp":  heldTCP,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, socket := listen(t)
			restarts, total := scaled(5, 20), scaled(300, 5000)
			filter := launch(t, program, "fd:milter", socket)
			l := start(t, mta, total, stopGrace)
			for i := range restarts {
				l.reach(t, int64((i+1)*total/(restarts+2)))
				old := filter
				old.terminate(t)
				filter = launch(t, program, "fd:milter", socket)
				defer old.drained(t)
			}
			l.finish(t)
			t.Logf("%d hand-overs: %d messages delivered, all filtered; %d times deferred", restarts, total, l.deferred.Load())
			assert.Equal(t, l.paused.Load(), l.deferred.Load(), "a session that does not pause is not cut off")
			filter.terminate(t)
			filter.drained(t)
		})
	}
}

func heldUnix(t *testing.T) (*realmta.Postfix, *os.File) {
	t.Helper()
	mta := postfix(t, "unix:milter/f.sock")
	ln, _ := mta.ListenUnix(t, "f.sock")
	return mta, held(t, ln)
}

func heldTCP(t *testing.T) (*realmta.Postfix, *os.File) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return postfix(t, "inet:"+ln.Addr().String()), held(t, ln)
}

// held returns the socket of a listener.
func held(t *testing.T, ln net.Listener) *os.File {
	t.Helper()
	f, err := ln.(interface{ File() (*os.File, error) }).File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}
