package wire_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// The operations that a session performs for every event must not allocate.
// These tests are not parallel, because testing.AllocsPerRun counts the
// allocations of the whole process.

// loopReader returns the same bytes repeatedly, one whole stream per Read.
type loopReader struct{ data []byte }

func (r *loopReader) Read(p []byte) (int, error) { return copy(p, r.data), nil }

func TestAllocsOfTheDecoder(t *testing.T) { //nolint:paralleltest // counts what the whole process allocates
	r := &loopReader{stream(session[:4]...)}
	d := newDecoder(wire.DefaultLimit)
	frames := 0
	got := testing.AllocsPerRun(200, func() {
		_, _ = d.Fill(r)
		for {
			_, ok, err := d.Next()
			if err != nil || !ok {
				break
			}
			frames++
		}
	})
	assert.Zero(t, got)
	assert.Equal(t, 4*201, frames)
}

// A peer that announces a length and sends no data costs only a small buffer.
func TestAllocsOfAnAnnouncement(t *testing.T) { //nolint:paralleltest // counts what the whole process allocates
	const runs = 100
	head := []byte{0, 1, 0, 0, 'B'} // 64 KiB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		d := newDecoder(wire.DefaultLimit)
		_, err := d.Fill(bytes.NewReader(head))
		require.NoError(t, err)
		_, ok, err := d.Next()
		require.NoError(t, err)
		require.False(t, ok)
		_, err = d.Fill(bytes.NewReader(nil))
		require.ErrorIs(t, err, io.EOF)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/runs, uint64(2*wire.SmallBuffer))
}

func TestAllocsOfDecoding(t *testing.T) { //nolint:paralleltest // counts what the whole process allocates
	var (
		header wire.Header
		body   wire.Body
		eob    wire.EndOfBody
		macro  wire.Macro
		helo   wire.Helo
		mail   wire.Mail
		rcpt   wire.Rcpt
		conn   wire.Connect
	)
	cases := []struct {
		data string
		msg  wire.Command
	}{
		{"Subject\x00 hi\x00", &header},
		{"line\r\n", &body},
		{"", &eob},
		{"Mi\x001\x00", &macro},
		{"client\x00", &helo},
		{"<a@b>\x00SIZE=1\x00BODY=8BITMIME\x00", &mail},
		{"<a@b>\x00NOTIFY=NEVER\x00", &rcpt},
		{"mx\x004\x00\x19192.0.2.1\x00", &conn},
	}
	for _, tc := range cases {
		data := text(tc.data)
		require.NoError(t, tc.msg.Decode(data), "and room for the arguments is made")
		got := testing.AllocsPerRun(100, func() { _ = tc.msg.Decode(data) })
		assert.Zero(t, got, tc.msg.String())
	}
}

func TestAllocsOfMacros(t *testing.T) { //nolint:paralleltest // counts what the whole process allocates
	list := wire.AppendMacro(wire.AppendMacro(nil, "i", "4ABC"), "{auth_type}", "PLAIN")
	got := testing.AllocsPerRun(100, func() {
		_, _ = wire.LookupMacro(list, "auth_type")
		_, _ = wire.LookupMacro(list, "{nothing}")
		for name, value := range wire.Macros(list) {
			_, _ = name, value
		}
	})
	assert.Zero(t, got)
}

func TestAllocsOfEncoding(t *testing.T) { //nolint:paralleltest // counts what the whole process allocates
	buf := make([]byte, 0, 4096)
	cases := []encoder{
		&wire.BareReply{Code: wire.RepContinue},
		&wire.AddHeader{Name: "X-Seen", Value: "yes"},
		&wire.InsertHeader{Name: "X-Seen", Value: "yes"},
		&wire.ChangeHeader{Index: 1, Name: "X-Seen", Value: "yes"},
		&wire.AddRcpt{Recipient: "<a@b>"},
		&wire.ReplaceBody{Chunk: make([]byte, 100)},
	}
	for _, m := range cases {
		got := testing.AllocsPerRun(100, func() { _, _ = m.Encode(buf) })
		assert.Zero(t, got, "%v", m)
	}
}
