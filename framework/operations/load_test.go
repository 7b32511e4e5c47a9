//go:build integration

package operations_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// load is a number of messages that several clients send to Postfix, each to a
// different recipient. Like any mail server, a client repeats a deferred
// message later on a new connection.
type load struct {
	mta      *realmta.Postfix
	total    int64
	begun    atomic.Int64
	accepted atomic.Int64
	deferred atomic.Int64
	paused   atomic.Int64  // of the deferred, those where the filter may have drained an idle session
	grace    time.Duration // how long a filter that drains lets a session be idle between messages
	clients  sync.WaitGroup
}

// perSession is the maximum number of messages per connection.
const perSession = 5

// start starts the clients.
func start(t *testing.T, mta *realmta.Postfix, total int, grace time.Duration) *load {
	t.Helper()
	l := &load{mta: mta, total: int64(total), grace: grace}
	for range 6 {
		l.clients.Go(func() {
			number := l.begun.Add(1)
			for number <= l.total && t.Context().Err() == nil {
				number = l.session(t, number)
			}
		})
	}
	return l
}

// The default graces of a filter that is stopped and of one with a successor.
const (
	stopGrace    = framework.DefaultDrainGrace
	relieveGrace = framework.DefaultDrain - framework.DefaultDrain/5
)

// session sends messages until one is deferred. It returns the number of the
// next message.
func (l *load) session(t *testing.T, number int64) int64 {
	t.Helper()
	before, began := time.Now(), time.Now() // of the message before, and of this one
	client := realmta.DialSMTP(t, l.mta.Addr())
	defer client.Close()
	code, text := client.Cmd("EHLO client.example.test")
	for range perSession {
		if code == 250 {
			code, text = client.Deliver(message(number))
		}
		if code != 250 {
			assert.Contains(t, []int{421, 451}, code, "neither taken nor deferred: %s", text)
			l.deferred.Add(1)
			if time.Since(before) >= l.grace {
				l.paused.Add(1)
			}
			time.Sleep(20 * time.Millisecond)
			return number
		}
		l.accepted.Add(1)
		before, began = began, time.Now()
		if number = l.begun.Add(1); number > l.total {
			break
		}
	}
	client.Cmd("QUIT")
	return number
}

func message(number int64) realmta.Message {
	return realmta.Message{
		From: "a@example.org", To: []string{fmt.Sprintf("m%d@example.test", number)},
		Data: []byte("From: a@example.org\r\nSubject: hello\r\n\r\n" + strings.Repeat("How are you?\r\n", 200)),
	}
}

// reach waits until the given number of messages were accepted.
func (l *load) reach(t *testing.T, accepted int64) {
	t.Helper()
	for limit := time.Now().Add(2 * patience); l.accepted.Load() < accepted; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(limit), "%d of %d accepted, %d times deferred", l.accepted.Load(), accepted, l.deferred.Load())
	}
}

// finish waits for the clients and for Postfix's deliveries. It checks that
// each message is delivered once and filtered.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.clients.Wait()
	require.Equal(t, l.total, l.accepted.Load())
	times := make(map[string]int)
	for _, d := range l.mta.Sink().Wait(t, int(l.total)) {
		times[d.To[0]]++
		assert.Equal(t, 1, strings.Count(string(d.Data), "\r\nX-Filtered-By: fxapp\r\n"), "%s was not filtered once", d.To[0])
	}
	for number := range l.total {
		to := message(number + 1).To[0]
		assert.Equal(t, 1, times[to], "deliveries of %s", to)
	}
	assert.Len(t, times, int(l.total))
}
