package miltertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"runtime"
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

// tracker tracks the goroutines and connections of one server.
type tracker struct {
	label string
	busy  sync.WaitGroup
}

func newTracker(name string) *tracker {
	return &tracker{label: name + " " + rand.Text()}
}

// run calls fn in a goroutine that carries the label.
func (tr *tracker) run(fn func()) {
	tr.busy.Go(func() {
		pprof.Do(context.Background(), pprof.Labels(labelKey, tr.label), func(context.Context) { fn() })
	})
}

// trackConn wraps a connection, so that wait does not return before the
// connection is closed. The server may pass it to a goroutine that outlives the
// session's goroutine.
func (tr *tracker) trackConn(conn net.Conn) net.Conn {
	tr.busy.Add(1)
	return &trackedConn{Conn: conn, closed: tr.busy.Done}
}

type trackedConn struct {
	net.Conn
	once   sync.Once
	closed func()
}

// Close implements net.Conn.
func (c *trackedConn) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// wait reports whether all sessions ended within the limit.
func (tr *tracker) wait(limit time.Duration) bool {
	done := make(chan struct{})
	go func() {
		tr.busy.Wait()
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

// remaining returns the stacks of the goroutines that are still running after the
// limit, except those of an HTTP client's idle connections.
func (tr *tracker) remaining(limit time.Duration) string {
	for pause := time.Millisecond; ; pause *= 2 {
		if onlyTests() {
			return ""
		}
		stacks := tr.stacks()
		if stacks == "" || pause > limit {
			return stacks
		}
		time.Sleep(pause)
	}
}

func (tr *tracker) stacks() string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return err.Error()
	}
	mark := strconv.Quote(labelKey) + ":" + strconv.Quote(tr.label)
	var b strings.Builder
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, mark) && !isIdleHTTP(stack) {
			b.WriteString(stack + "\n\n")
		}
	}
	return b.String()
}

// onlyTests reports whether every goroutine belongs to package testing or is a session
// of another server. Then no goroutine of this server's handlers remains, because its own
// sessions have ended. The labels could say so too, but runtime/pprof formats the stack of
// each goroutine before it compares any. With thousands of parallel tests that wait for
// their turn this takes longer than the tests.
func onlyTests() bool {
	records := make([]runtime.StackRecord, runtime.NumGoroutine()+spareRecords)
	n, ok := runtime.GoroutineProfile(records)
	if !ok {
		return false
	}
	known := map[[outerFrames]uintptr]bool{}
	for i := range records[:n] {
		stack := records[i].Stack()
		var outer [outerFrames]uintptr
		copy(outer[:], stack[max(0, len(stack)-outerFrames):])
		harmless, judged := known[outer]
		if !judged {
			harmless = isTest(outer[:])
			known[outer] = harmless
		}
		if !harmless {
			return false
		}
	}
	return true
}

const (
	spareRecords = 16 // for goroutines that start in the meantime
	outerFrames  = 6  // where a goroutine started, and what it called first
)

// isTest reports whether a goroutine that started there belongs to package testing or is
// a session of a server. The loops of os/signal and of a CPU profile are one a process and
// last until its end. The stack of a deep goroutine is cut, so that it seems to belong to
// none of them.
func isTest(outer []uintptr) bool {
	frames := runtime.CallersFrames(outer)
	for {
		frame, more := frames.Next()
		switch name := frame.Function; name {
		case "testing.tRunner", "runtime.main", "os/signal.loop", "runtime/pprof.profileWriter":
			return true
		default:
			if strings.HasPrefix(name, "testing/synctest.") || strings.Contains(name, ".(*tracker).run") {
				return true
			}
		}
		if !more {
			return false
		}
	}
}

// isIdleHTTP reports whether a stack is that of a loop that an http.Transport runs for a
// connection that it keeps for the next request. Such a loop is no leak of the handler
// whose request opened the connection. A loop that reads waits for the first byte of the
// next response in Peek. If it waits elsewhere, the body of a response was not closed. A
// loop that writes always waits for the next request.
func isIdleHTTP(stack string) bool {
	switch has := func(function string) bool { return strings.Contains(stack, function) }; {
	case has("net/http.(*persistConn).readLoop"):
		return has("bufio.(*Reader).Peek")
	default:
		return has("net/http.(*persistConn).writeLoop") || has("ttp2ClientConn).readLoop") || has("http2.(*ClientConn).readLoop")
	}
}

// complaint says what to do about goroutines that are still running.
func complaint(stacks string) string {
	switch {
	case strings.Contains(stacks, "net/http.(*persistConn).readLoop"):
		return "the body of an HTTP response was not closed, so that its connection and its goroutines remain: close the body"
	case strings.Contains(stacks, "framework.(*work[...]).run"):
		return "a function that a handler started with AsyncValue.Start is still running: return when its context ends"
	}
	return "goroutines that a handler started are still running: end them with Session.Context, or when the filter is closed"
}
