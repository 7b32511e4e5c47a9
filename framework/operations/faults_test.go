package operations_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

var errFault = errors.New("fault")

// faulty is a connection with a fault at its n-th read or write.
type faulty struct {
	net.Conn
	left atomic.Int64
	mode string
}

// strike reports whether the fault is due at the current operation.
func (f *faulty) strike() bool { return f.left.Add(-1) == 0 }

func (f *faulty) Read(p []byte) (int, error) {
	if !f.strike() {
		return f.Conn.Read(p)
	}
	switch f.mode {
	case "error":
		return 0, errFault
	case "short":
		return f.Conn.Read(p[:1])
	default:
		time.Sleep(5 * time.Millisecond)
		return f.Conn.Read(p)
	}
}

func (f *faulty) Write(p []byte) (int, error) {
	if !f.strike() {
		return f.Conn.Write(p)
	}
	switch f.mode {
	case "error":
		return 0, errFault
	case "short":
		n, err := f.Conn.Write(p[:len(p)/2])
		return n, errors.Join(err, errFault)
	default:
		time.Sleep(5 * time.Millisecond)
		return f.Conn.Write(p)
	}
}

// wires are the kinds of connections in which faults are injected.
func wires() map[string]func(t *testing.T) (mtaEnd, filterEnd net.Conn) {
	return map[string]func(t *testing.T) (mtaEnd, filterEnd net.Conn){
		"memory": func(*testing.T) (net.Conn, net.Conn) { return miltertest.Pipe() },
		"unix":   unixPair,
	}
}

func unixPair(t *testing.T) (mtaEnd, filterEnd net.Conn) {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	mtaEnd, err = net.Dial("unix", ln.Addr().String())
	require.NoError(t, err)
	filterEnd, err = ln.Accept()
	require.NoError(t, err)
	return mtaEnd, filterEnd
}

// descriptors returns the number of descriptors that the process has open, or 0
// if the system does not report it.
func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// If any read or write of the server fails, is short or is late, no message
// gets a wrong reply, and nothing stays open, such as the file of a body.
//
//nolint:paralleltest // descriptors are counted for the whole process
func TestFaults(t *testing.T) {
	for name, wire := range wires() {
		most := testFault(t, wire, "none", 0)
		require.Greater(t, most, int64(12), "it takes some, to negotiate and for three messages")
		before := descriptors()
		t.Run(name, func(t *testing.T) {
			for _, mode := range []string{"error", "short", "late"} {
				for at := range most + 2 { // it may take more another time
					t.Run(fmt.Sprint(mode, " at ", at+1), func(t *testing.T) {
						t.Parallel()
						testFault(t, wire, mode, at+1)
					})
				}
			}
		})
		assert.Eventually(t, func() bool { return descriptors() <= before }, time.Minute, 10*time.Millisecond, "descriptors are left open")
	}
}

// careful is the filter of these tests. It keeps the body in a file.
func careful() (*framework.Router, framework.Config) {
	r, cfg := filter(), quiet()
	r.WantBody()
	cfg.SpoolMemory = 1
	return r, cfg
}

// testFault runs a session with a fault at the at-th read or write of the
// server, and returns the number of reads and writes.
func testFault(t *testing.T, wire func(*testing.T) (mtaEnd, filterEnd net.Conn), mode string, at int64) int64 {
	t.Helper()
	r, cfg := careful()
	srv := newServer(t, r, cfg)
	mtaEnd, filterEnd := wire(t)
	f := &faulty{Conn: filterEnd, mode: mode}
	f.left.Store(at)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.ServeConn(f)
	}()
	messages := faultySession(t, mtaEnd)
	if mode != "error" && mode != "short" {
		assert.Equal(t, 3, messages, "nothing is lost by waiting")
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		require.Fail(t, "the session goes on")
	}
	assert.Zero(t, srv.Stats().Connections)
	assert.Zero(t, srv.Stats().MessagesOpen)
	return at - f.left.Load()
}

// faultySession sends messages until the connection breaks and returns the
// number of messages with a reply. An MTA defers a message without a reply.
func faultySession(t *testing.T, mtaEnd net.Conn) int {
	t.Helper()
	conn := mta.NewConn(mtaEnd, mta.Config{CommandTimeout: time.Minute, ContentTimeout: time.Minute})
	defer func() { _ = conn.Close() }()
	for i := range 3 {
		out, err := conn.Send(t.Context(), &mta.Message{
			Sender:     mta.Address{Addr: "<a@example.org>"},
			Recipients: []mta.Recipient{{Addr: "<nobody@example.net>"}, {Addr: "<b@example.net>"}},
			Header:     []mta.Field{{Name: "From", Value: " a@example.org"}},
			Body:       []byte("old body\r\n"),
		})
		if err != nil {
			return i
		}
		require.False(t, out.Verdict.Refuses())
		assert.Equal(t, "new body\r\n", string(out.Edited.Body))
		assert.Len(t, out.Refused, 1)
		assert.Equal(t, "X-From", out.Edited.Header[1].Name)
	}
	return 3
}
