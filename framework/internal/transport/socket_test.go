//go:build unix

package transport_test

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// collects are the ways in which bytes are written to a socket.
var collects = map[string]func(*transport.Conn, []byte){
	"frames": (*transport.Conn).Append,
	"body":   (*transport.Conn).ReplaceBody,
}

// onSockets runs a test for each kind of socket and each way to write.
func onSockets(t *testing.T, test func(t *testing.T, network string, collect func(*transport.Conn, []byte))) {
	t.Helper()
	for _, network := range []string{"tcp", "unix"} {
		for name, collect := range collects {
			t.Run(name+" on "+network, func(t *testing.T) {
				t.Parallel()
				test(t, network, collect)
			})
		}
	}
}

// much is more than the buffers of a socket hold that [connect] made.
const much = 2 << 20

type socket interface {
	net.Conn
	syscall.Conn
}

// watchedSocket notes the write deadline.
type watchedSocket struct {
	socket
	deadline time.Time
}

// SetWriteDeadline implements net.Conn.
func (s *watchedSocket) SetWriteDeadline(at time.Time) error {
	s.deadline = at
	return s.socket.SetWriteDeadline(at)
}

// A write waits for a peer that reads late. Its deadline does not stay in force.
func TestPeerReadsLate(t *testing.T) {
	t.Parallel()
	onSockets(t, func(t *testing.T, network string, collect func(*transport.Conn, []byte)) {
		t.Helper()
		mta, filter := connect(t, network)
		cfg := config(time.Second)
		cfg.Write = time.Minute
		received := make(chan []byte, 1)
		go func() {
			time.Sleep(50 * time.Millisecond)
			all, _ := io.ReadAll(mta)
			received <- all
		}()
		watched := &watchedSocket{socket: filter.(socket)}
		c := transport.New(watched, cfg)
		sent := text(much)
		for range 2 {
			watched.deadline = time.Now()
			collect(c, sent)
			require.NoError(t, c.Flush())
			assert.Zero(t, watched.deadline)
		}
		c.Append([]byte("reply"))
		c.HangUp()
		all := <-received
		assert.GreaterOrEqual(t, len(all), 2*much+len("reply"))
		assert.True(t, bytes.HasSuffix(all, append(sent[len(sent)-20:], "reply"...)))
	})
}

// A write to a peer that does not read ends after Timeouts.Write, also if the peer takes
// some bytes meanwhile. Afterwards nothing is written any more.
func TestPeerDoesNotRead(t *testing.T) {
	t.Parallel()
	onSockets(t, func(t *testing.T, network string, collect func(*transport.Conn, []byte)) {
		t.Helper()
		mta, filter := connect(t, network)
		cfg := config(time.Second)
		cfg.Write = 100 * time.Millisecond
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() { // 16 KiB each 20 ms: far too slow
			defer close(stopped)
			for buf := make([]byte, 16<<10); ; time.Sleep(20 * time.Millisecond) {
				select {
				case <-stop:
					return
				default:
					_, _ = mta.Read(buf)
				}
			}
		}()
		watched := &watchedSocket{socket: filter.(socket)}
		c := transport.New(watched, cfg)
		collect(c, text(much))
		began := time.Now()
		err := c.Flush()
		require.ErrorIs(t, err, transport.ErrSlowPeer)
		assert.GreaterOrEqual(t, time.Since(began), cfg.Write)
		assert.Less(t, time.Since(began), cfg.Write+time.Minute)
		close(stop)
		<-stopped

		untouched := time.Unix(1, 0)
		watched.deadline = untouched
		c.Append([]byte("reply"))
		assert.Equal(t, err, c.Flush())
		_, nextErr := c.Next(false)
		assert.Equal(t, err, nextErr)
		c.HangUp()
		assert.Equal(t, untouched, watched.deadline, "it did not try again")
		left, _ := io.Copy(io.Discard, mta)
		assert.Less(t, left, int64(much))
	})
}

func TestPeerIsClosed(t *testing.T) {
	t.Parallel()
	onSockets(t, func(t *testing.T, network string, collect func(*transport.Conn, []byte)) {
		t.Helper()
		mta, filter := connect(t, network)
		require.NoError(t, mta.Close())
		c := transport.New(filter, config(time.Second))
		var err error
		for range 100 { // the kernel takes the first write over TCP
			collect(c, text(much))
			if err = c.Flush(); err != nil {
				break
			}
		}
		broken := err
		if assert.Error(t, err) {
			var no syscall.Errno
			require.ErrorAs(t, err, &no)
			assert.Contains(t, []syscall.Errno{syscall.EPIPE, syscall.ECONNRESET}, no)
		}
		c.Append([]byte("reply"))
		assert.Equal(t, broken, c.Flush())
	})
}

func TestPeerGone(t *testing.T) {
	t.Parallel()
	closes := func(_ *testing.T, mta, _ net.Conn) { _ = mta.Close() }
	tests := []struct {
		name    string
		network string // "" is tcp and unix
		do      func(t *testing.T, mta, filter net.Conn)
		gone    bool
	}{
		{"open", "", func(*testing.T, net.Conn, net.Conn) {}, false},
		{"closed", "", closes, true},
		{"reset", "tcp", func(t *testing.T, mta, _ net.Conn) {
			t.Helper()
			require.NoError(t, mta.(*net.TCPConn).SetLinger(0))
			require.NoError(t, mta.Close())
		}, true},
		{"frames to read", "", func(_ *testing.T, mta, _ net.Conn) { _, _ = mta.Write(frame('Q', "")) }, false},
		{"frames to read, then closed", "", func(_ *testing.T, mta, _ net.Conn) {
			_, _ = mta.Write(frame('Q', ""))
			_ = mta.Close()
		}, false},
		{"closed at this end", "", func(_ *testing.T, _, filter net.Conn) { _ = filter.Close() }, false},
		{"not a socket", "memory", closes, false},
	}
	for _, tt := range tests {
		for _, network := range networks() {
			if tt.network != network && (tt.network != "" || network == "memory") {
				continue
			}
			t.Run(tt.name+" on "+network, func(t *testing.T) {
				t.Parallel()
				mta, filter := connect(t, network)
				c := transport.New(filter, config(time.Second))
				assert.False(t, c.PeerGone())
				tt.do(t, mta, filter)
				if tt.gone {
					assert.Eventually(t, c.PeerGone, time.Minute, time.Millisecond)
					return
				}
				time.Sleep(20 * time.Millisecond)
				assert.False(t, c.PeerGone())
			})
		}
	}
}

// PeerGone takes nothing out of the connection, and does not disturb a read in another
// goroutine.
func TestPeerGoneWhileReading(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			mta, filter := connect(t, network)
			c := transport.New(filter, config(10*time.Second))
			frames := make(chan int)
			go func() {
				n := 0
				for {
					if _, err := c.Next(false); err != nil {
						assert.ErrorIs(t, err, io.EOF)
						frames <- n
						return
					}
					n++
				}
			}()
			for range 1000 {
				_, err := mta.Write(frame('L', "x"))
				require.NoError(t, err)
				require.False(t, c.PeerGone())
			}
			require.NoError(t, mta.Close())
			assert.Equal(t, 1000, <-frames)
			assert.Eventually(t, c.PeerGone, time.Minute, time.Millisecond)
		})
	}
}

// brokenSocket has a SyscallConn that fails. The Conn then uses Read and Write.
type brokenSocket struct{ net.Conn }

// SyscallConn implements syscall.Conn.
func (brokenSocket) SyscallConn() (syscall.RawConn, error) { return nil, errBroken }

func TestSocketWithoutSystemCalls(t *testing.T) {
	t.Parallel()
	mta, filter := miltertest.Pipe()
	c := transport.New(brokenSocket{filter}, config(time.Second))
	_, err := mta.Write(frame('A', "a"))
	require.NoError(t, err)
	assert.Equal(t, "a", string(next(t, c).Data))
	assert.False(t, c.PeerGone())
	c.Append([]byte("reply"))
	c.HangUp()
	all, err := io.ReadAll(mta)
	require.NoError(t, err)
	assert.Equal(t, "reply", string(all))
	assert.NoError(t, mta.Close())
}

// The socket path allocates nothing for a command either.
func TestAllocsOnSocket(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the allocations of all goroutines
	mta, filter := connect(t, "unix")
	c := transport.New(filter, config(time.Minute))
	command, reply := frame('L', "Subject\x00hello\x00"), make([]byte, 16)
	roundTrip := func() {
		if _, err := mta.Write(command); err != nil {
			t.Error(err)
		}
		if _, err := c.Next(false); err != nil {
			t.Error(err)
		}
		c.Append(append(c.AvailableBuffer(), 0, 0, 0, 1, 'c'))
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
		if _, err := mta.Read(reply); err != nil {
			t.Error(err)
		}
	}
	roundTrip()
	assert.Zero(t, testing.AllocsPerRun(1000, roundTrip))
}
