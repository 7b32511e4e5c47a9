package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// Macros that the MTA sent again are frames like the first ones.
func TestMacrosAgain(t *testing.T) {
	t.Parallel()
	list := "Li\x004ABC\x00"
	w := tape.NewWriter(1 << 20)
	w.Again() // of nothing
	w.Command('D', []byte(list))
	w.Command('L', []byte("From\x00ann@example.org\x00"))
	w.Time(7)
	w.Again()
	w.Command('L', []byte("To\x00bob@example.org\x00"))
	w.End(&tape.End{State: tape.StateAccepted})
	for name, rec := range map[string][]byte{"whole": w.Bytes(), "shortened": tape.Shorten(nil, w.Bytes())} {
		m, err := record.Decode(rec)
		require.NoError(t, err, name)
		require.Len(t, m.Frames, 4, name)
		again := m.Frames[2]
		assert.EqualValues(t, 7, again.At, name)
		again.At = m.Frames[0].At
		assert.Equal(t, m.Frames[0], again, name)
		assert.Equal(t, list, string(again.Data), name)
		assert.Len(t, m.Header, 2, name)
	}
}

// A record of few bytes is not shown as a large one.
func TestMacrosAgainAreBounded(t *testing.T) {
	t.Parallel()
	w := tape.NewWriter(1 << 20)
	w.Command('D', []byte("Li\x00"+strings.Repeat("x", 10_000)+"\x00"))
	for range 100_000 {
		w.Again()
	}
	w.End(&tape.End{State: tape.StateAccepted})
	m, err := record.Decode(w.Bytes())
	require.NoError(t, err)
	assert.True(t, m.Cut)
	size := 0
	for _, f := range m.Frames {
		size += len(f.Text)
		require.Same(t, &m.Frames[0].Data[0], &f.Data[0], "the frames share their data")
	}
	assert.Less(t, size, 4<<20)
	assert.Equal(t, wire.CmdMacro.String()+", as before", m.Frames[len(m.Frames)-1].Text)
}

// A session writes the macros of Postfix once, and the frames are those that were sent.
func TestSessionWritesMacrosOnce(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	r := framework.NewRouter()
	r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	miltertest.RunRouter(t, r, letter(), k.option())
	m := k.message(t)
	var lists []string
	for _, f := range m.Frames {
		if f.FromMTA && wire.CommandCode(f.Code) == wire.CmdMacro && f.Data[0] == byte(wire.CmdHeader) {
			lists = append(lists, string(f.Data))
		}
	}
	require.Len(t, lists, len(m.Header))
	again := 0
	for rd := tape.NewReader(k.recs[0]); rd.Next(); {
		if rd.Kind() == tape.KindAgain {
			again++
		}
	}
	assert.Equal(t, len(m.Header)-1, again)
	for _, list := range lists {
		assert.Equal(t, lists[0], list)
	}
}
