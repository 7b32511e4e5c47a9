package transport_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/transport"
)

// The one who gets the connection reads first what was read and not handed out.
func TestDetachUnread(t *testing.T) {
	t.Parallel()
	a, b, half := frame('A', "a"), frame('B', "b"), frame('C', "c")[:3]
	tests := []struct {
		name   string
		before []byte // sent before Detach
		frames int    // taken before Detach
		unread string
	}{
		{"nothing", nil, 0, ""},
		{"nothing left", a, 1, ""},
		{"a frame", slices.Concat(a, b), 1, string(b)},
		{"half a frame", slices.Concat(a, half), 1, string(half)},
		{"frames and a half", slices.Concat(a, b, b, half), 1, string(b) + string(b) + string(half)},
		{"behind the second", slices.Concat(a, b, half), 2, string(half)},
	}
	for _, tt := range tests {
		for _, network := range networks() {
			for kind, wrap := range map[string]func(io.Reader) io.Reader{
				"at once":      func(r io.Reader) io.Reader { return r },
				"byte by byte": iotest.OneByteReader,
			} {
				t.Run(tt.name+" "+kind+" on "+network, func(t *testing.T) {
					t.Parallel()
					mta, filter := connect(t, network)
					_, err := mta.Write(tt.before)
					require.NoError(t, err)
					c := transport.New(filter, config(10*time.Second))
					for range tt.frames {
						next(t, c)
					}
					assert.False(t, c.Detached())
					detached := c.Detach()
					assert.True(t, c.Detached())
					_, err = mta.Write([]byte("later"))
					require.NoError(t, err)
					require.NoError(t, mta.Close())
					all, err := io.ReadAll(wrap(detached))
					require.NoError(t, err)
					assert.Equal(t, tt.unread+"later", string(all))
				})
			}
		}
	}
}

// After Detach the Conn sends nothing, and leaves it to the caller to close the
// connection. Close closes it nevertheless.
func TestDetachedIsSilent(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(*transport.Conn){
		"nothing": func(*transport.Conn) {},
		"Append":  func(c *transport.Conn) { c.Append([]byte("reply")) },
		"body":    func(c *transport.Conn) { c.ReplaceBody(text(2 * chunk)) },
		"stream": func(c *transport.Conn) {
			_, _ = c.StreamBody(strings.NewReader("body"))
		},
		"memory": func(c *transport.Conn) { c.ReleaseMemory() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, filter := connect(t, "memory")
			c := transport.New(filter, config(time.Second))
			c.Append([]byte("collected before"))
			detached := c.Detach()
			use(c)
			require.NoError(t, c.Flush())
			c.HangUp()
			_, err := detached.Write([]byte("theirs"))
			require.NoError(t, err, "HangUp leaves the connection open")
			require.NoError(t, c.Close())
			_, err = detached.Write([]byte("late"))
			require.ErrorIs(t, err, net.ErrClosed)
			all, err := io.ReadAll(mta)
			require.NoError(t, err)
			assert.Equal(t, "theirs", string(all))
		})
	}
}

// Poison overwrites what was lent when it is taken back, so that a test notices who
// retained it; but nothing that a detached goroutine may still read.
func TestReclaim(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ poison, detach, overwritten bool }{
		"plain":               {},
		"poison":              {poison: true, overwritten: true},
		"detached":            {detach: true},
		"poison and detached": {poison: true, detach: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := transport.New(&script{pieces: [][]byte{frame('A', "retained"), frame('B', "next")}}, config(time.Second))
			if c.poison {
				conn.Poison()
			}
			first := next(t, conn)
			require.Equal(t, "retained", string(first.Data))
			if c.detach {
				conn.Detach()
			}
			lent := []byte("lent")
			conn.Reclaim(lent)
			assert.Equal(t, c.overwritten, string(lent) != "lent")
			assert.Equal(t, "retained", string(first.Data), "valid until the next frame")
			if c.detach {
				return
			}
			kept := first.Data
			assert.Equal(t, "next", string(next(t, conn).Data))
			assert.Equal(t, c.overwritten, string(kept[len("next"):]) != "ined", "the part that the next frame does not cover")
		})
	}
}
