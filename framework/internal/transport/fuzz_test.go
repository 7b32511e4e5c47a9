package transport_test

import (
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/wire"
)

// cut returns data in pieces of the sizes that cuts holds, over and over.
func cut(data, cuts []byte) [][]byte {
	var pieces [][]byte
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(cuts) > 0 {
			n = min(n, int(cuts[i%len(cuts)])+1)
		}
		pieces = append(pieces, data[:n])
		data = data[n:]
	}
	return pieces
}

// split returns the frames in data as the protocol defines them, and whether it is
// violated behind them.
func split(data []byte, limit int) (frames []wire.Frame, violated bool) {
	for len(data) >= 4 {
		n := int(binary.BigEndian.Uint32(data))
		if n == 0 || n > limit {
			return frames, true
		}
		if len(data) < 4+n {
			break
		}
		frames = append(frames, wire.Frame{Code: data[4], Data: data[5 : 4+n]})
		data = data[4+n:]
	}
	return frames, false
}

// FuzzNext feeds arbitrary bytes in arbitrary pieces. However they are cut, the same
// frames come, and every reply is sent.
func FuzzNext(f *testing.F) {
	abc := slices.Concat(frame('A', ""), frame('B', "b"), frame('C', "cc"))
	f.Add(abc, []byte{0}, uint16(100))
	f.Add(abc, []byte(nil), uint16(2))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte{3, 0}, uint16(65535))
	f.Fuzz(func(t *testing.T, data, cuts []byte, limit uint16) {
		want, violated := split(data, int(limit)+1)
		peer := &script{pieces: cut(data, cuts)}
		cfg := config(time.Hour)
		cfg.Limit = int(limit) + 1
		c := transport.New(peer, cfg)
		c.Poison()
		var replies []byte
		for i := range want {
			got, err := c.Next(i%2 == 0)
			require.NoError(t, err)
			require.Equal(t, want[i].Code, got.Code)
			require.Equal(t, string(want[i].Data), string(got.Data))
			replies = wire.AppendFrame(replies, got)
			c.Append(wire.AppendFrame(c.AvailableBuffer(), got))
			if i%5 == 4 {
				c.ReleaseMemory()
			}
		}
		for range 2 {
			_, err := c.Next(true)
			if violated {
				var protocol *wire.ProtocolError
				require.ErrorAs(t, err, &protocol)
			} else {
				require.ErrorIs(t, err, io.EOF)
			}
		}
		c.HangUp()
		require.Equal(t, string(replies), peer.sent.String())
		require.True(t, peer.closed)
	})
}
