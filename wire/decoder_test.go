package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

func newDecoder(limit int) *wire.Decoder { return wire.NewDecoder(new(wire.BufferPool), limit) }

// drain returns copies of the complete frames.
func drain(t *testing.T, d *wire.Decoder) []wire.Frame {
	t.Helper()
	var got []wire.Frame
	for {
		pending := d.Pending()
		f, ok, err := d.Next()
		require.NoError(t, err)
		require.Equal(t, pending, ok)
		if !ok {
			return got
		}
		got = append(got, wire.Frame{Code: f.Code, Data: bytes.Clone(f.Data)})
	}
}

// readAll reads r to its end, as a session does.
func readAll(t *testing.T, d *wire.Decoder, r io.Reader) []wire.Frame {
	t.Helper()
	var got []wire.Frame
	for {
		_, err := d.Fill(r)
		got = append(got, drain(t, d)...)
		if errors.Is(err, io.EOF) {
			return got
		}
		require.NoError(t, err)
	}
}

var session = []wire.Frame{
	{Code: 'O', Data: make([]byte, 12)},
	{Code: 'H', Data: text("client.example\x00")},
	{Code: 'T', Data: []byte{}},
	{Code: 'L', Data: text("Subject\x00 hello\x00")},
	{Code: 'B', Data: text(strings.Repeat("line\r\n", 2000))},
	{Code: 'Q', Data: []byte{}},
}

func stream(frames ...wire.Frame) []byte {
	var all []byte
	for _, f := range frames {
		all = wire.AppendFrame(all, f)
	}
	return all
}

func TestDecoderFramesInOneRead(t *testing.T) {
	t.Parallel()
	d := newDecoder(wire.DefaultLimit)
	few := session[:4]
	n, err := d.Fill(bytes.NewReader(stream(few...)))
	require.NoError(t, err)
	assert.Equal(t, len(stream(few...)), n)
	assert.Equal(t, n, d.Buffered())
	assert.Equal(t, few, drain(t, d))
	assert.Zero(t, d.Buffered())
}

func TestDecoderFramesByteByByte(t *testing.T) {
	t.Parallel()
	r := iotest.OneByteReader(bytes.NewReader(stream(session...)))
	assert.Equal(t, session, readAll(t, newDecoder(wire.DefaultLimit), r))
}

func TestDecoderFramesCutAnywhere(t *testing.T) {
	t.Parallel()
	few := session[:4]
	all := stream(few...)
	for cut := 1; cut < len(all); cut++ {
		d := newDecoder(wire.DefaultLimit)
		r := io.MultiReader(bytes.NewReader(all[:cut]), bytes.NewReader(all[cut:]))
		_, err := d.Fill(r)
		require.NoError(t, err)
		got := drain(t, d)
		if cut%2 == 0 {
			d.Release() // must keep what is incomplete
		}
		require.Equalf(t, few, append(got, readAll(t, d, r)...), "cut at %d", cut)
	}
}

func TestDecoderFramesAndReadsOfEverySize(t *testing.T) {
	t.Parallel()
	for _, chunk := range []int{1, 3, 5, 4095, 4096, 4097, 65535, 100000} {
		frames := make([]wire.Frame, 0, 40)
		for size := range 20 {
			frames = append(frames,
				wire.Frame{Code: 'B', Data: bytes.Repeat([]byte{byte(size)}, size*size*17)},
				wire.Frame{Code: 'B', Data: bytes.Repeat([]byte{byte(size)}, 4080+size)})
		}
		r := &chunkReader{data: stream(frames...), size: chunk}
		require.Equalf(t, frames, readAll(t, newDecoder(wire.DefaultLimit), r), "reads of %d bytes", chunk)
	}
}

type chunkReader struct {
	data []byte
	size int
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data[:min(r.size, len(r.data))])
	r.data = r.data[n:]
	return n, nil
}

func TestDecoderHugeFrames(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		limit int
	}{
		{"default", wire.DefaultLimit},
		{"SMFIP_MDS_256K", wire.Limit256K},
		{"SMFIP_MDS_1M", wire.Limit1M},
		{"beyond the pool", 5 << 20},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			want := []wire.Frame{
				{Code: 'B', Data: bytes.Repeat(text("x"), tc.limit-1)},
				{Code: 'E', Data: []byte{}},
			}
			d := newDecoder(tc.limit)
			assert.Equal(t, want, readAll(t, d, bytes.NewReader(stream(want...))))

			d = newDecoder(tc.limit - 1)
			_, err := d.Fill(bytes.NewReader(stream(want...)))
			require.NoError(t, err)
			_, ok, err := d.Next()
			assert.False(t, ok)
			var bad *wire.ProtocolError
			require.ErrorAs(t, err, &bad)
		})
	}
}

func TestDecoderRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, stream, reason string
	}{
		{"zero", "\x00\x00\x00\x00", "length is zero"},
		{"one above the limit", "\x00\x00\x00\x0B", "length 11 exceeds the limit of 10"},
		{"4 GiB", "\xFF\xFF\xFF\xFFc", "length 4294967295 exceeds the limit of 10"},
		{"2 GiB", "\x80\x00\x00\x00c", "length 2147483648 exceeds the limit of 10"},
		{"HTTP", "GET / HTTP/1.1\r\n", "length 1195725856 exceeds the limit of 10"},
		{"TLS", "\x16\x03\x01\x02\x00\x01", "length 369295618 exceeds the limit of 10"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDecoder(10)
			good := wire.Frame{Code: 'c', Data: text("123456789")} // at the limit
			_, err := d.Fill(strings.NewReader(string(stream(good)) + tc.stream))
			require.NoError(t, err)
			f, ok, err := d.Next()
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, good, f)

			for range 3 { // the error stays, whatever else comes
				assert.True(t, d.Pending())
				_, ok, err = d.Next()
				assert.False(t, ok)
				requireViolation(t, err, "frame", tc.reason)
				_, err = d.Fill(strings.NewReader("\x00\x00\x00\x01c"))
				require.NoError(t, err)
			}
		})
	}
}

// A peer may continue to send after its frame was rejected.
func TestDecoderTakesNoMoreOnceItsBufferIsFull(t *testing.T) {
	t.Parallel()
	d := newDecoder(10)
	r := iotest.OneByteReader(strings.NewReader("\x00" + strings.Repeat("\xFF", 2*wire.SmallBuffer)))
	for range wire.SmallBuffer {
		_, err := d.Fill(r)
		require.NoError(t, err)
	}
	n, err := d.Fill(r)
	assert.Zero(t, n)
	require.ErrorIs(t, err, io.ErrShortBuffer)
	assert.Equal(t, wire.SmallBuffer, d.BufferLen())
}

// Frames that the caller did not take before the next Fill are kept.
func TestDecoderFilledWithoutNext(t *testing.T) {
	t.Parallel()
	frames := make([]wire.Frame, 1000)
	for i := range frames {
		frames[i] = wire.Frame{Code: 'T', Data: binary.BigEndian.AppendUint32(nil, uint32(i))}
	}
	d, r := newDecoder(wire.DefaultLimit), bytes.NewReader(stream(frames...))
	_, err := d.Fill(r)
	require.NoError(t, err)
	_, err = d.Fill(r)
	require.ErrorIs(t, err, io.ErrShortBuffer)
	got := drain(t, d)
	assert.Equal(t, frames, append(got, readAll(t, d, r)...))
}

// Frames are also kept if the buffer is larger than the first waiting frame.
func TestDecoderFilledWithoutNextAfterALargeFrame(t *testing.T) {
	t.Parallel()
	frames := make([]wire.Frame, 1, 20001)
	frames[0] = wire.Frame{Code: 'B', Data: make([]byte, 20000)}
	for i := range 20000 {
		frames = append(frames, wire.Frame{Code: 'T', Data: binary.BigEndian.AppendUint32(nil, uint32(i))})
	}
	d, r := newDecoder(wire.DefaultLimit), bytes.NewReader(stream(frames...))
	var got []wire.Frame
	for len(got) == 0 {
		_, err := d.Fill(r)
		require.NoError(t, err)
		got = drain(t, d)
	}
	var err error
	for err == nil {
		_, err = d.Fill(r)
	}
	require.ErrorIs(t, err, io.ErrShortBuffer)
	got = append(got, drain(t, d)...)
	assert.Equal(t, frames, append(got, readAll(t, d, r)...))
}

// A Read gets room for the rest of the incomplete frame, and the whole buffer
// if there is no incomplete frame.
func TestDecoderRoomToRead(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		frames []int // sizes on the wire
		first  int   // bytes that the first read brings
		room   int
	}{
		{"nothing waiting", []int{3000}, 3000, wire.SmallBuffer},
		{"a part that fits behind", []int{1000, 2000}, 1500, wire.SmallBuffer - 1500},
		{"a part that must be moved", []int{3000, 2000}, 3500, wire.SmallBuffer - 500},
		{"part of a length at the end", []int{wire.SmallBuffer - 2, 2000}, wire.SmallBuffer, wire.SmallBuffer - 2},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var all []byte
			for _, size := range tc.frames {
				all = wire.AppendFrame(all, wire.Frame{Code: 'B', Data: make([]byte, size-wire.HeaderLen)})
			}
			d := newDecoder(wire.DefaultLimit)
			_, err := d.Fill(bytes.NewReader(all[:tc.first]))
			require.NoError(t, err)
			require.Len(t, drain(t, d), 1)
			var room roomReader
			_, err = d.Fill(&room)
			require.ErrorIs(t, err, io.EOF)
			assert.Equal(t, tc.room, int(room))
		})
	}
}

// roomReader records the size of the buffers that Read gets.
type roomReader int

func (r *roomReader) Read(p []byte) (int, error) {
	*r = roomReader(len(p))
	return 0, io.EOF
}

func TestDecoderFrameCannotGrowIntoTheNext(t *testing.T) {
	t.Parallel()
	d := newDecoder(wire.DefaultLimit)
	_, err := d.Fill(bytes.NewReader(stream(session[1:4]...)))
	require.NoError(t, err)
	f, _, err := d.Next()
	require.NoError(t, err)
	_ = append(f.Data, "overwritten"...)
	assert.Equal(t, session[2:4], drain(t, d))
}

func TestDecoderBufferGrowsWithWhatCame(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		announce uint32
		sent     int
		want     int
	}{
		{"nothing but a length", 65536, 0, wire.SmallBuffer},
		{"one byte", 65536, 1, wire.SmallBuffer},
		{"a small buffer less one", 65536, wire.SmallBuffer - 5, wire.SmallBuffer},
		{"a small buffer", 65536, wire.SmallBuffer, wire.LargeBuffer},
		{"a little of 1 MiB", wire.Limit1M, wire.SmallBuffer, wire.LargeBuffer},
		{"more of 1 MiB", wire.Limit1M, wire.LargeBuffer, wire.HugeBuffer},
		{"a little of 60 MiB", 60 << 20, wire.SmallBuffer, wire.LargeBuffer},
		{"more of 60 MiB", 60 << 20, wire.LargeBuffer, 16 * wire.LargeBuffer},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDecoder(60 << 20)
			r := bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, tc.announce), make([]byte, tc.sent)...))
			for r.Len() > 0 {
				_, err := d.Fill(r)
				require.NoError(t, err)
				_, ok, err := d.Next()
				require.NoError(t, err)
				require.False(t, ok)
			}
			assert.Equal(t, tc.want, d.BufferLen())
		})
	}
}

func TestDecoderHoldsNoBufferUntilItReads(t *testing.T) {
	t.Parallel()
	d := newDecoder(wire.DefaultLimit)
	_, ok, err := d.Next()
	require.NoError(t, err)
	assert.False(t, ok)
	assert.False(t, d.Pending())
	d.Release()
	assert.Zero(t, d.Buffered())
	assert.Empty(t, d.Rest())
	assert.Zero(t, d.BufferLen())
}

func TestDecoderRelease(t *testing.T) {
	t.Parallel()
	large := wire.Frame{Code: 'B', Data: make([]byte, 10000)}
	cases := []struct {
		name    string
		frames  []wire.Frame
		waiting int // bytes of a further frame
		want    int // bytes of buffer afterwards
	}{
		{"a small buffer, nothing waiting", session[1:2], 0, 0},
		{"a small buffer, bytes waiting", session[1:2], 7, wire.SmallBuffer},
		{"a large buffer, nothing waiting", []wire.Frame{large}, 0, 0},
		{"a large buffer, a few bytes waiting", []wire.Frame{large}, 7, wire.SmallBuffer},
		{"a large buffer, many bytes waiting", []wire.Frame{large}, wire.SmallBuffer, wire.LargeBuffer},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDecoder(wire.DefaultLimit)
			next := wire.Frame{Code: 'B', Data: bytes.Repeat(text("y"), 9000)}
			second := stream(next)
			r := bytes.NewReader(append(stream(tc.frames...), second[:tc.waiting]...))
			var got []wire.Frame
			for r.Len() > 0 {
				_, err := d.Fill(r)
				require.NoError(t, err)
				got = append(got, drain(t, d)...)
			}
			assert.Equal(t, tc.frames, got)

			d.Release()
			assert.Equal(t, tc.want, d.BufferLen())
			assert.Equal(t, tc.waiting, d.Buffered())
			rest := readAll(t, d, bytes.NewReader(second[tc.waiting:]))
			assert.Equal(t, []wire.Frame{next}, rest)
		})
	}
}

func TestDecoderSetLimit(t *testing.T) {
	t.Parallel()
	d := newDecoder(4)
	_, err := d.Fill(bytes.NewReader(stream(session[1:4]...)))
	require.NoError(t, err)
	_, _, err = d.Next()
	require.Error(t, err)
	d.SetLimit(wire.DefaultLimit)
	f, ok, err := d.Next()
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, session[1], f)
	d.SetLimit(1)
	_, ok, err = d.Next()
	require.NoError(t, err)
	assert.True(t, ok, "a frame of one byte is within a limit of one")
	_, _, err = d.Next()
	require.Error(t, err)
}

// Each call that invalidates a frame overwrites that frame's data and no other
// data.
func TestDecoderPoison(t *testing.T) {
	t.Parallel()
	poisoned := bytes.Repeat([]byte{wire.PoisonByte}, len(session[1].Data))
	cases := []struct {
		name string
		call func(*wire.Decoder)
		want []byte
	}{
		{"Next", func(d *wire.Decoder) { _, _, _ = d.Next() }, poisoned},
		{"Fill", func(d *wire.Decoder) { _, _ = d.Fill(strings.NewReader("")) }, poisoned},
		{"Release", func(d *wire.Decoder) { d.Release() }, poisoned},
		{"Pending", func(d *wire.Decoder) { d.Pending() }, session[1].Data},
		{"Buffered", func(d *wire.Decoder) { d.Buffered() }, session[1].Data},
		{"Rest", func(d *wire.Decoder) { d.Rest() }, session[1].Data},
		{"SetLimit", func(d *wire.Decoder) { d.SetLimit(1) }, session[1].Data},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDecoder(wire.DefaultLimit)
			d.Poison()
			_, err := d.Fill(bytes.NewReader(stream(session[1:4]...)))
			require.NoError(t, err)
			f, ok, err := d.Next()
			require.NoError(t, err)
			require.True(t, ok)
			tc.call(d)
			assert.Equal(t, tc.want, f.Data)
		})
	}
}

func TestDecoderPoisonLeavesWaitingFramesAlone(t *testing.T) {
	t.Parallel()
	d := newDecoder(wire.DefaultLimit)
	d.Poison()
	assert.Equal(t, session, readAll(t, d, bytes.NewReader(stream(session...))))
}

func TestDecoderRest(t *testing.T) {
	t.Parallel()
	d := newDecoder(wire.DefaultLimit)
	all := stream(session[1:4]...)
	_, err := d.Fill(bytes.NewReader(all))
	require.NoError(t, err)
	f, _, err := d.Next()
	require.NoError(t, err)

	rest := d.Rest()
	assert.Equal(t, stream(session[2:4]...), rest)
	clear(rest)
	assert.Equal(t, session[1], f, "a lent frame stays")
	assert.Equal(t, session[2:4], drain(t, d), "the rest is a copy")
}

func TestDecoderReadersFaults(t *testing.T) {
	t.Parallel()
	fault := errors.New("line is dead")
	cases := []struct {
		name string
		r    io.Reader
		n    int
		want error
	}{
		{"nothing, no error", new(silentReader), 0, io.ErrNoProgress},
		{"end", strings.NewReader(""), 0, io.EOF},
		{"fault", iotest.ErrReader(fault), 0, fault},
		{"bytes and end", iotest.DataErrReader(strings.NewReader("\x00\x00\x00\x01Q")), 5, io.EOF},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDecoder(wire.DefaultLimit)
			n, err := d.Fill(tc.r)
			assert.Equal(t, tc.n, n)
			require.ErrorIs(t, err, tc.want)
			assert.Len(t, drain(t, d), tc.n/5, "what came with an error counts")
			n, err = d.Fill(strings.NewReader("\x00\x00\x00\x01T"))
			require.NoError(t, err)
			assert.Equal(t, 5, n)
			assert.Len(t, drain(t, d), 1)
		})
	}
}

type silentReader struct{}

func (*silentReader) Read([]byte) (int, error) { return 0, nil }

// Two decoders of one pool never hold the same buffer.
func TestDecodersShareAPool(t *testing.T) {
	t.Parallel()
	var pool wire.BufferPool
	one, two := wire.NewDecoder(&pool, wire.DefaultLimit), wire.NewDecoder(&pool, wire.DefaultLimit)
	for range 10 {
		_, err := one.Fill(strings.NewReader("\x00\x00\x00\x04Hone"))
		require.NoError(t, err)
		_, err = two.Fill(strings.NewReader("\x00\x00\x00\x04Htwo"))
		require.NoError(t, err)
		assert.Equal(t, []wire.Frame{{Code: 'H', Data: text("one")}}, drain(t, one))
		assert.Equal(t, []wire.Frame{{Code: 'H', Data: text("two")}}, drain(t, two))
		one.Release()
		two.Release()
	}
}
