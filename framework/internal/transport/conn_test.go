package transport_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/wire"
)

// Replies are collected as long as there are complete frames to read, and leave in one
// write before the next read.
func TestNext(t *testing.T) {
	t.Parallel()
	abc := slices.Concat(frame('A', ""), frame('B', "b"), frame('C', "cc"))
	large := frame('L', strings.Repeat("x", 60_000))
	tests := []struct {
		name   string
		pieces [][]byte
		reply  int // the size of the reply to each frame
		codes  string
		events []string
	}{
		{"nothing", nil, 0, "", []string{"read end"}},
		{"several frames in one read", [][]byte{abc}, 5, "ABC", []string{"read 18", "write 15", "read end"}},
		{"one frame in each read", [][]byte{abc[:5], abc[5:11], abc[11:]}, 5, "ABC", []string{
			"read 5", "write 5", "read 6", "write 5", "read 7", "write 5", "read end",
		}},
		{"frames that were cut", [][]byte{abc[:3], abc[3:8], abc[8:17], abc[17:]}, 5, "ABC", []string{
			"read 3", "read 5", "write 5", "read 9", "write 5", "read 1", "write 5", "read end",
		}},
		{"no replies", [][]byte{abc, abc}, 0, "ABCABC", []string{"read 18", "read 18", "read end"}},
		{"a frame in many reads", [][]byte{large}, 5, "L", []string{"read 4096", "read 55909", "write 5", "read end"}},
		{"replies below the threshold", [][]byte{abc}, 64<<10/2 - 1, "ABC", []string{
			"read 18", "write 98301", "read end",
		}},
		{"replies that reach it", [][]byte{abc}, 64 << 10 / 2, "ABC", []string{
			"read 18", "write 65536", "write 32768", "read end",
		}},
		{"each reply reaches it", [][]byte{abc}, 64 << 10, "ABC", []string{
			"read 18", "write 65536", "write 65536", "write 65536", "read end",
		}},
		{"a frame without its end", [][]byte{abc[:17]}, 5, "AB", []string{"read 17", "write 10", "read end"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			peer := &script{pieces: tt.pieces}
			c := transport.New(peer, config(time.Second))
			codes := ""
			for {
				f, err := c.Next(false)
				if err != nil {
					assert.ErrorIs(t, err, io.EOF)
					break
				}
				codes += string(f.Code)
				c.Append(make([]byte, tt.reply))
			}
			assert.Equal(t, tt.codes, codes)
			assert.Equal(t, tt.events, peer.events)
		})
	}
}

func TestProtocolErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bytes  string
		reason string
		layer  error // or nil
	}{
		"HTTP":            {"GET / HTTP/1.1\r\n\r\n", "exceeds the limit", nil},
		"TLS":             {"\x16\x03\x01\x02\x00\x01", "exceeds the limit", transport.ErrTLS},
		"PROXY version 1": {"PROXY TCP4 192.0.2.25 192.0.2.80 1 2\r\n", "exceeds the limit", transport.ErrProxyHeader},
		"PROXY version 2": {"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "exceeds the limit", transport.ErrProxyHeader},
		"zero length":     {"\x00\x00\x00\x00O", "length is zero", nil},
		"too long":        {"\x00\x01\x00\x01O", "65537 exceeds the limit of 65536", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := transport.New(&script{pieces: [][]byte{[]byte(c.bytes)}}, config(time.Second))
			_, err := first.First(time.Second)
			require.ErrorIs(t, err, transport.ErrNotMilter)
			var protocol *wire.ProtocolError
			require.ErrorAs(t, err, &protocol)
			assert.Contains(t, protocol.Reason, c.reason)
			for _, layer := range []error{transport.ErrTLS, transport.ErrProxyHeader} {
				assert.Equal(t, layer == c.layer, errors.Is(err, layer), layer) //nolint:errorlint // which of them
			}

			// What was collected is not lost: HangUp sends it.
			peer := &script{pieces: [][]byte{append(frame('O', ""), c.bytes...)}}
			later := transport.New(peer, config(time.Second))
			_, err = later.First(time.Second)
			require.NoError(t, err)
			later.Append([]byte("reply"))
			for range 2 {
				_, err = later.Next(false)
				require.ErrorAs(t, err, &protocol)
				require.NotErrorIs(t, err, transport.ErrNotMilter)
			}
			assert.Zero(t, peer.sent.Len())
			later.HangUp()
			assert.Equal(t, "reply", peer.sent.String())
			assert.True(t, peer.closed)
		})
	}
}

func TestSetLimit(t *testing.T) {
	t.Parallel()
	large := frame('L', strings.Repeat("x", 100_000))
	for name, c := range map[string]struct {
		limit int
		ok    bool
	}{
		"too small":    {100_000, false},
		"large enough": {100_001, true},
		"by far":       {wire.Limit1M, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := transport.New(&script{pieces: [][]byte{frame('O', ""), large}}, config(time.Second))
			_, err := conn.First(time.Second)
			require.NoError(t, err)
			conn.SetLimit(c.limit)
			f, err := conn.Next(true)
			if !c.ok {
				require.ErrorContains(t, err, "exceeds the limit of 100000")
				return
			}
			require.NoError(t, err)
			assert.Len(t, f.Data, 100_000)
		})
	}
}

// AvailableBuffer returns room behind what was collected. What is appended to it counts
// only if Append is called.
func TestAvailableBuffer(t *testing.T) {
	t.Parallel()
	peer := new(script)
	c := transport.New(peer, config(time.Second))
	assert.Empty(t, c.AvailableBuffer())
	c.Append(append(c.AvailableBuffer(), "one "...))
	_ = append(c.AvailableBuffer(), "lost"...)
	c.Append(append(c.AvailableBuffer(), "two "...))
	c.Append([]byte("three"))
	assert.Empty(t, peer.events, "nothing is sent before Flush")
	for range 2 {
		require.NoError(t, c.Flush())
		assert.Equal(t, "one two three", peer.sent.String())
	}
	assert.Equal(t, []string{"write 13"}, peer.events)
	assert.GreaterOrEqual(t, cap(c.AvailableBuffer()), 13, "the memory is kept")
}

func TestReleaseMemory(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		collected int
		release   bool
		kept      bool
	}{
		"not asked for":    {20 << 10, false, true},
		"of usual size":    {8 << 10, true, true},
		"larger than that": {20 << 10, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := &script{pieces: [][]byte{frame('A', ""), frame('B', "")}}
			conn := transport.New(peer, config(time.Second))
			assert.Equal(t, byte('A'), next(t, conn).Code)
			conn.Append(make([]byte, c.collected))
			if c.release {
				conn.ReleaseMemory()
			}
			assert.Equal(t, byte('B'), next(t, conn).Code)
			assert.Equal(t, c.collected, peer.sent.Len(), "it is sent before its memory is given back")
			assert.Equal(t, c.kept, cap(conn.AvailableBuffer()) > 0)
		})
	}
}

func TestRemoteAddr(t *testing.T) {
	t.Parallel()
	_, filter := connect(t, "tcp")
	assert.Equal(t, filter.RemoteAddr(), transport.New(filter, config(time.Second)).RemoteAddr())
}

var errBroken = errors.New("broken")

// After a write that failed nothing is written any more. Frames that were read before are
// still returned.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	peer := &script{pieces: [][]byte{slices.Concat(frame('A', ""), frame('B', ""), frame('C', ""))}, writeErr: errBroken}
	c := transport.New(peer, config(time.Second))
	assert.Equal(t, byte('A'), next(t, c).Code)
	require.NoError(t, c.Flush(), "nothing was collected yet")
	c.Append([]byte("reply"))
	require.ErrorIs(t, c.Flush(), errBroken)

	peer.writeErr = nil
	assert.Equal(t, byte('B'), next(t, c).Code)
	require.ErrorIs(t, c.Flush(), errBroken, "with nothing collected")
	c.Append([]byte("reply"))
	require.ErrorIs(t, c.Flush(), errBroken, "with something collected")
	c.ReplaceBody([]byte("body"))
	require.ErrorIs(t, c.Flush(), errBroken, "with a body")
	assert.Equal(t, byte('C'), next(t, c).Code)
	_, err := c.Next(false)
	require.ErrorIs(t, err, errBroken, "it does not wait for a frame")
	c.HangUp()
	assert.True(t, peer.closed)
	assert.Equal(t, []string{"read 18", "write 5"}, []string{"read 18", peer.events[1]})
	assert.Len(t, peer.events, 2)
}

// Close may be called while another goroutine reads.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, network := range networks() {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			_, filter := connect(t, network)
			c := transport.New(filter, config(time.Hour))
			go func() {
				time.Sleep(10 * time.Millisecond)
				_ = c.Close()
			}()
			_, err := c.Next(true)
			require.ErrorIs(t, err, net.ErrClosed)
			c.Append([]byte("reply"))
			require.ErrorIs(t, c.Flush(), net.ErrClosed)
		})
	}
}

// loop is an MTA that sends the same frames at every read and ignores the replies.
type loop struct {
	script
	frames []byte
}

// Read implements net.Conn.
func (l *loop) Read(p []byte) (int, error) { return copy(p, l.frames), nil }

// Write implements net.Conn.
func (*loop) Write(p []byte) (int, error) { return len(p), nil }

func TestAllocs(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the allocations of all goroutines
	const frames = 16
	l := &loop{}
	for range frames {
		l.frames = append(l.frames, frame('L', "Subject\x00hello\x00")...)
	}
	c := transport.New(l, config(time.Second))
	reply := func() {
		f, err := c.Next(false)
		if err != nil || f.Code != 'L' {
			t.Error(f, err)
		}
		c.Append(append(c.AvailableBuffer(), 0, 0, 0, 1, byte(wire.RepContinue)))
	}
	reply()
	assert.Zero(t, testing.AllocsPerRun(100*frames, reply))
}
