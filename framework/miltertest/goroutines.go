package miltertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"
)

// labelKey is the pprof label of the goroutines of a server and of those that
// its handlers start, because a goroutine inherits the labels of its creator.
// The label lets each server find its goroutines while other tests run in
// parallel.
const labelKey = "miltertest"

// crew tracks the goroutines and connections of one server.
type crew struct {
	label string
	busy  sync.WaitGroup
}

func newCrew(name string) *crew {
	return &crew{label: name + " " + rand.Text()}
}

// run calls fn in a goroutine that carries the label.
func (c *crew) run(fn func()) {
	c.busy.Go(func() {
		pprof.Do(context.Background(), pprof.Labels(labelKey, c.label), func(context.Context) { fn() })
	})
}

// watch returns a connection that wait waits for until it is closed. The server
// may pass the connection to a goroutine that outlives the session's goroutine.
func (c *crew) watch(conn net.Conn) net.Conn {
	c.busy.Add(1)
	return &watchedConn{Conn: conn, closed: c.busy.Done}
}

type watchedConn struct {
	net.Conn
	once   sync.Once
	closed func()
}

// Close implements net.Conn.
func (c *watchedConn) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// wait reports whether all sessions ended within the limit.
func (c *crew) wait(limit time.Duration) bool {
	done := make(chan struct{})
	go func() {
		c.busy.Wait()
		close(done)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// left returns the stacks of the goroutines that are still running after the
// limit.
func (c *crew) left(limit time.Duration) string {
	for pause := time.Millisecond; ; pause *= 2 {
		stacks := c.stacks()
		if stacks == "" || pause > limit {
			return stacks
		}
		time.Sleep(pause)
	}
}

func (c *crew) stacks() string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return err.Error()
	}
	mark := strconv.Quote(labelKey) + ":" + strconv.Quote(c.label)
	var b strings.Builder
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, mark) {
			b.WriteString(stack + "\n\n")
		}
	}
	return b.String()
}
