package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/wire"
)

const chunk = wire.MaxBodyChunk

// text returns n bytes that are not all the same.
func text(n int) []byte { return bytes.Repeat([]byte("0123456789\r\n"), n/12+1)[:n] }

// A body arrives in chunks of the maximum size and one for the rest. Frames before and
// after it keep their place.
func TestReplaceBody(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		bodies []int // sizes; -1 is another frame
		want   []int
	}{
		{"empty", []int{0}, []int{0}},
		{"one byte", []int{1}, []int{1}},
		{"a byte less than a chunk", []int{chunk - 1}, []int{chunk - 1}},
		{"a chunk", []int{chunk}, []int{chunk}},
		{"a byte more than a chunk", []int{chunk + 1}, []int{chunk, 1}},
		{"two chunks", []int{2 * chunk}, []int{chunk, chunk}},
		{"three and a bit", []int{3*chunk + 7}, []int{chunk, chunk, chunk, 7}},
		{"between other frames", []int{-1, -1, 10, -1}, []int{-1, -1, 10, -1}},
		{"two bodies", []int{chunk + 1, -1, 0, 5}, []int{chunk, 1, -1, 0, 5}},
		{"many", []int{-1, 4 * chunk, -1, 3 * chunk, -1, -1}, []int{
			-1, chunk, chunk, chunk, chunk, -1, chunk, chunk, chunk, -1, -1,
		}},
	}
	for _, tt := range tests {
		for _, network := range networks() {
			t.Run(tt.name+" on "+network, func(t *testing.T) {
				t.Parallel()
				mta, filter := connect(t, network)
				received := make(chan []byte, 1)
				go func() {
					all, _ := io.ReadAll(mta)
					received <- all
				}()
				c := transport.New(filter, config(10*time.Second))
				var want []byte
				for _, size := range tt.bodies {
					if size < 0 {
						c.Append(append(c.AvailableBuffer(), frame(byte(wire.RepProgress), "")...))
						continue
					}
					body := text(size)
					want = append(want, body...)
					c.ReplaceBody(body)
				}
				require.NoError(t, c.Flush())
				c.HangUp()
				sizes, body := chunks(t, <-received)
				assert.Equal(t, tt.want, sizes)
				assert.True(t, bytes.Equal(want, body))
			})
		}
	}
}

// The body is written from the caller's memory. After Flush the Conn has no use for it.
func TestReplaceBodyDoesNotCopy(t *testing.T) {
	t.Parallel()
	peer := new(script)
	c := transport.New(peer, config(time.Second))
	body := text(chunk + 5)
	c.ReplaceBody(body)
	require.NoError(t, c.Flush())
	require.Len(t, peer.written, 5, "two headers, two chunks, and what follows")
	assert.Same(t, &body[0], &peer.written[1][0])
	assert.Same(t, &body[chunk], &peer.written[3][0])
	before := peer.sent.Len()
	clear(body)
	c.Append([]byte("reply"))
	require.NoError(t, c.Flush())
	assert.Equal(t, "reply", peer.sent.String()[before:])
	assert.Equal(t, "write 5", peer.events[len(peer.events)-1])
}

func TestStreamBody(t *testing.T) {
	t.Parallel()
	failed := errors.New("disk failed")
	after := func(n int, err error) io.Reader {
		return io.MultiReader(bytes.NewReader(text(n)), iotest.ErrReader(err))
	}
	tests := []struct {
		name string
		r    io.Reader
		want []int
		err  error
	}{
		{"empty", strings.NewReader(""), []int{0}, nil},
		{"short", bytes.NewReader(text(10)), []int{10}, nil},
		{"a chunk", bytes.NewReader(text(chunk)), []int{chunk}, nil},
		{"a byte more", bytes.NewReader(text(chunk + 1)), []int{chunk, 1}, nil},
		{"two chunks", bytes.NewReader(text(2 * chunk)), []int{chunk, chunk}, nil},
		{"byte by byte", iotest.OneByteReader(bytes.NewReader(text(chunk + 2))), []int{chunk, 2}, nil},
		{"the end comes with the last bytes", iotest.DataErrReader(bytes.NewReader(text(chunk))), []int{chunk}, nil},
		{"the end comes with the rest", iotest.DataErrReader(bytes.NewReader(text(chunk + 9))), []int{chunk, 9}, nil},
		{"fails at once", iotest.ErrReader(failed), nil, failed},
		{"fails within a chunk", after(10, failed), []int{10}, failed},
		{"fails after a chunk", after(chunk, failed), []int{chunk}, failed},
		{"fails with the last byte of a chunk", iotest.DataErrReader(after(chunk, failed)), []int{chunk}, failed},
		{"its own source was cut short", after(chunk+10, io.ErrUnexpectedEOF), []int{chunk, 10}, io.ErrUnexpectedEOF},
		{"wraps the end of another", iotest.ErrReader(fmt.Errorf("index: %w", io.EOF)), nil, io.EOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			peer := new(script)
			c := transport.New(peer, config(time.Second))
			c.Append(frame(byte(wire.RepProgress), ""))
			readErr, writeErr := c.StreamBody(tt.r)
			require.NoError(t, writeErr)
			require.ErrorIs(t, readErr, tt.err)
			require.NoError(t, c.Flush())
			sizes, body := chunks(t, peer.sent.Bytes())
			assert.Equal(t, append([]int{-1}, tt.want...), sizes)
			assert.True(t, bytes.Equal(text(len(body)), body))
			assert.LessOrEqual(t, len(peer.events), max(1, len(tt.want)), "one write for each chunk")
		})
	}
}

// After a write that failed the body is not read on.
func TestStreamBodyCannotWrite(t *testing.T) {
	t.Parallel()
	c := transport.New(&script{writeErr: errBroken}, config(time.Second))
	r := bytes.NewReader(text(5 * chunk))
	readErr, writeErr := c.StreamBody(r)
	require.NoError(t, readErr)
	require.ErrorIs(t, writeErr, errBroken)
	assert.Equal(t, 4*chunk, r.Len())
	_, writeErr = c.StreamBody(r)
	require.ErrorIs(t, writeErr, errBroken)
	assert.Equal(t, 3*chunk, r.Len())
}
