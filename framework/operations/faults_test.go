package operations_test

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

var errFault = errors.New("fault")

// faulty breaks at its n-th read or write.
type faulty struct {
	net.Conn
	left atomic.Int64
	mode string
}

// strike reports whether it is time.
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

// Whatever read or write of the server fails, is short or late: the session
// ends or goes on, and no message is answered otherwise than it should be.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"error", "short", "late"} {
		for at := int64(1); at <= 24; at++ {
			t.Run(fmt.Sprint(mode, " at ", at), func(t *testing.T) {
				t.Parallel()
				testFault(t, mode, at)
			})
		}
	}
}

func testFault(t *testing.T, mode string, at int64) {
	t.Helper()
	srv := newServer(t, filter(), quiet())
	mtaEnd, filterEnd := miltertest.Pipe()
	f := &faulty{Conn: filterEnd, mode: mode}
	f.left.Store(at)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.ServeConn(f)
	}()
	conn := mta.NewConn(mtaEnd, mta.Config{CommandTimeout: 5 * time.Second, ContentTimeout: 5 * time.Second})
	for range 3 {
		out, err := conn.Send(t.Context(), &mta.Message{
			Sender:     mta.Address{Addr: "<a@example.org>"},
			Recipients: []mta.Recipient{{Addr: "<nobody@example.net>"}, {Addr: "<b@example.net>"}},
			Header:     []mta.Field{{Name: "From", Value: " a@example.org"}},
			Body:       []byte("old body\r\n"),
		})
		if err != nil {
			break // an MTA defers the message then
		}
		require.False(t, out.Verdict.Refuses())
		assert.Equal(t, "new body\r\n", string(out.Edited.Body))
		assert.Len(t, out.Refused, 1)
		assert.Equal(t, "X-From", out.Edited.Header[1].Name)
	}
	_ = conn.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "the session goes on")
	}
	assert.Zero(t, srv.Stats().Connections)
	assert.Zero(t, srv.Stats().MessagesOpen)
}
