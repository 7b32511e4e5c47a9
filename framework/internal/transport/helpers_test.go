package transport_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config returns a configuration whose timeouts are the given multiples of a unit.
func config(unit time.Duration) *transport.Config {
	return &transport.Config{
		Timeouts: transport.Timeouts{Idle: 10 * unit, Frame: 5 * unit, Write: 3 * unit, DrainGrace: 4 * unit},
		Limit:    wire.DefaultLimit,
		Pool:     new(wire.BufferPool),
		Drain:    new(transport.Drain),
	}
}

// frame returns a frame's bytes.
func frame(code byte, data string) []byte {
	return wire.AppendFrame(nil, wire.Frame{Code: code, Data: []byte(data)})
}

// next reads a frame that must come.
func next(t testing.TB, c *transport.Conn) wire.Frame {
	t.Helper()
	f, err := c.Next(false)
	require.NoError(t, err)
	return f
}

// networks are the kinds of connections: in memory, and on sockets.
func networks() []string { return []string{"memory", "tcp", "unix"} }

// connect returns the two ends of a connection. They are closed when the test ends.
func connect(t *testing.T, network string) (mta, filter net.Conn) {
	t.Helper()
	if network == "memory" {
		mta, filter = miltertest.Pipe()
	} else {
		address := map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")}[network]
		ln, err := net.Listen(network, address)
		require.NoError(t, err)
		mta, err = net.Dial(network, ln.Addr().String())
		require.NoError(t, err)
		filter, err = ln.Accept()
		require.NoError(t, err)
		require.NoError(t, ln.Close())
		type sizer interface { // the buffers grow to megabytes otherwise
			SetReadBuffer(bytes int) error
			SetWriteBuffer(bytes int) error
		}
		require.NoError(t, mta.(sizer).SetReadBuffer(64<<10))
		require.NoError(t, filter.(sizer).SetWriteBuffer(64<<10))
	}
	t.Cleanup(func() {
		_ = mta.Close()
		_ = filter.Close()
	})
	return mta, filter
}

// script is a connection whose peer sends one piece for each Read and then disconnects.
// It records in which order it is read and written.
type script struct {
	net.Conn // nil: a method that is missing below panics
	pieces   [][]byte
	events   []string
	written  [][]byte // the callers' slices, not copies
	sent     bytes.Buffer
	writeErr error
	closed   bool
}

// Read implements net.Conn.
func (s *script) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		s.events = append(s.events, "read end")
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	s.events = append(s.events, fmt.Sprintf("read %d", n))
	return n, nil
}

// Write implements net.Conn.
func (s *script) Write(p []byte) (int, error) {
	s.events = append(s.events, fmt.Sprintf("write %d", len(p)))
	if s.writeErr != nil {
		return 0, s.writeErr
	}
	s.written = append(s.written, p)
	return s.sent.Write(p)
}

// Close implements net.Conn.
func (s *script) Close() error {
	s.closed = true
	return nil
}

// SetReadDeadline implements net.Conn.
func (*script) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (*script) SetWriteDeadline(time.Time) error { return nil }

// chunks returns the sizes of the body chunks among the frames that an MTA received, and
// the bytes in them. Other frames are only counted: -1 for each.
func chunks(t *testing.T, received []byte) (sizes []int, body []byte) {
	t.Helper()
	dec := wire.NewDecoder(new(wire.BufferPool), wire.DefaultLimit)
	for r := bytes.NewReader(received); ; {
		f, ok, err := dec.Next()
		require.NoError(t, err)
		switch {
		case ok && f.Code == byte(wire.RepReplBody):
			sizes, body = append(sizes, len(f.Data)), append(body, f.Data...)
			continue
		case ok:
			sizes = append(sizes, -1)
			continue
		}
		if _, err := dec.Fill(r); err != nil {
			assert.Zero(t, dec.Buffered(), "the last frame is incomplete")
			return sizes, body
		}
	}
}
