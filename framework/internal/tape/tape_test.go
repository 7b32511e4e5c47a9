package tape_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// Local parts are hidden, and what is around them stays.
func TestHideLocalParts(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                    "",
		"no address":                          "no address",
		"ann@example.org":                     "x@example.org",
		"<ann@example.org>":                   "<x@example.org>",
		"Ann <ann+tag@example.org>, b@c.d":    "Ann <x@example.org>, x@c.d",
		`"ann \"the\" smith"@example.org`:     "x@example.org",
		`to "ann smith"@example.org now`:      "to x@example.org now",
		"grüße@example.org":                   "x@example.org",
		"ann @example.org":                    "x@example.org",
		"@example.org":                        "@example.org",
		"a@b@c":                               "x@x@c",
		"id=4ABC, user=ann@[192.0.2.1], next": "id=4ABC, x@[192.0.2.1], next",
		"nul\x00ann@example.org\x00":          "nul\x00x@example.org\x00",
		`"`:                                   `"`,
		`"@`:                                  `"@`,
	} {
		assert.Equal(t, want, tape.HideLocalParts(in), in)
	}
	long := strings.Repeat("ann@", 100_000)
	assert.Equal(t, strings.Repeat("x@", 100_000), tape.HideLocalParts(long))
}

// The numbers in frames stay, whatever their bytes, and addresses beside them are hidden.
func TestShortenKeepsNumbers(t *testing.T) {
	t.Parallel()
	var frames []tape.Frame
	var kinds []tape.Kind
	type encoder interface {
		Encode(dst []byte) ([]byte, error)
	}
	add := func(kind tape.Kind, m encoder) {
		raw, err := m.Encode(nil)
		require.NoError(t, err)
		kinds, frames = append(kinds, kind), append(frames, tape.Frame{Code: raw[4], Size: len(raw), Data: raw[wire.HeaderLen:]})
	}
	for _, number := range []uint32{0x40, 0x4040, 0x2140, 0xf340, 0x61406140} {
		port := uint16(number)
		add(tape.KindCommand, &wire.Connect{Host: []byte("mail.example.org"), Family: wire.FamilyInet, Port: port, Address: []byte("192.0.2.1")})
		add(tape.KindCommand, &wire.Negotiate{Version: 6, Actions: wire.Actions(number), Protocol: wire.Protocol(number)})
		add(tape.KindReply, &wire.InsertHeader{Index: number, Name: "X-Me", Value: "=?utf-8?q?x=40example.org?= x@example.org"})
		add(tape.KindReply, &wire.ChangeHeader{Index: number, Name: "X-Me", Value: "x@example.org"})
	}
	w := tape.NewWriter(1 << 20)
	for i := range frames {
		if kinds[i] == tape.KindCommand {
			w.Command(frames[i].Code, frames[i].Data)
		} else {
			w.Reply(frames[i].Code, frames[i].Data)
		}
	}
	w.End(&tape.End{})
	r := tape.NewReader(tape.Shorten(nil, w.Bytes()))
	for i := range frames {
		require.True(t, r.Next())
		assert.Equal(t, kinds[i], r.Kind())
		got, want := r.Frame(), string(frames[i].Data)
		want = strings.ReplaceAll(want, "=?utf-8?q?x=40example.org?=", "x@example.org")
		assert.Equal(t, want, string(got.Data), "frame %d", i)
	}
}

// What is written is read, as far as it fits; the end is always there.
func TestLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 10, 100, 1000, 10_000, 1_000_000} {
		w, other := tape.NewWriter(limit), tape.NewWriter(100)
		other.Attr("", "")
		for range 50 {
			w.Time(uint64(limit))
			w.Command('D', []byte("Li\x004ABC\x00"))
			w.Again()
			w.Command('B', make([]byte, 500))
			w.CommandSize('B', 505)
			w.Reply('c', nil)
			w.Verdict(&tape.Verdict{Filter: -1, Decision: tape.Decision{Kind: 6, Code: 550, Text: strings.Repeat("x", 10_000)}})
			w.Note(&tape.Note{Filter: 3, Text: "a note"})
			w.Body(1, 700, true)
			for range 20 {
				w.Append(&other)
			}
		}
		require.LessOrEqual(t, len(w.Bytes()), limit)
		assert.Equal(t, limit < 1_000_000, w.Cut(), limit)
		w.End(&tape.End{Filter: strings.Repeat("f", 10_000), Number: 7, Filters: make([]tape.FilterEnd, 3)})
		var end tape.End
		require.NoError(t, tape.LastEnd(w.Bytes(), &end))
		assert.EqualValues(t, 7, end.Number)
		assert.Len(t, end.Filters, 3)
		r := tape.NewReader(w.Bytes())
		for r.Next() {
			switch r.Kind() { //nolint:exhaustive // the others are not read here
			case tape.KindCommand, tape.KindCommandSize, tape.KindReply, tape.KindReplySize:
				f := r.Frame()
				assert.True(t, f.Data == nil || len(f.Data) == f.Size-5)
			case tape.KindAgain:
				assert.Empty(t, r.Payload())
			case tape.KindVerdict:
				assert.Equal(t, -1, r.Verdict().Filter)
			case tape.KindNote:
				assert.Equal(t, tape.Note{Filter: 3, Text: "a note"}, r.Note())
			}
		}
		require.NoError(t, r.Err())
	}
}

// Any bytes are entries or an error; the end is found or is an error; and Shorten of what can
// be read can be read, too.
func FuzzReader(f *testing.F) {
	w := tape.NewWriter(1 << 20)
	w.Session(&tape.Session{Epoch: 5, ID: "id", Peer: "peer"})
	w.Command('D', []byte("Li\x00ann@example\x00"))
	w.Again()
	w.Command('L', []byte("To\x00ann@example\x00"))
	w.ReplySize('b', 7)
	w.Edit(&tape.Edit{Kind: 2, HasOld: true, OldName: "A", OldValue: "b@c"})
	w.Field(0, "A", "=?utf-8?q?b=40c?=")
	w.End(&tape.End{State: tape.StateAccepted, Filters: []tape.FilterEnd{{Called: true}}})
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, rec []byte) {
		var end tape.End
		_ = tape.LastEnd(rec, &end)
		n := 0
		r := tape.NewReader(rec)
		for r.Next() {
			n++
		}
		require.LessOrEqual(t, n, len(rec))
		short := tape.Shorten([]byte("before"), rec)
		require.True(t, bytes.HasPrefix(short, []byte("before")))
		again := tape.NewReader(short[len("before"):])
		for again.Next() {
			n--
		}
		require.NoError(t, again.Err())
	})
}
