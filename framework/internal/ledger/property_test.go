package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire/mta"
)

// tape is the source of the choices of a random edit: bytes of a fuzzer or of a
// generator. After its end it returns zeros.
type tape struct{ rest []byte }

func (p *tape) upTo(n int) int {
	if len(p.rest) == 0 || n == 0 {
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return int(b) % n
}

// model is a simple reference implementation of a ledger. Every value occurs
// once, so that an omitted edit is always visible.
type model struct {
	atop, rest []entry
	serial     int
}

type entry struct {
	mta.Field
	id      ledger.ID
	below   ledger.ID // below which it was inserted
	shownAs mta.Field
}

func (m *model) value() string {
	m.serial++
	return fmt.Sprint("v", m.serial)
}

func (m *model) result() result {
	r := result{header: []mta.Field{}, above: len(m.atop)}
	for _, e := range slices.Concat(m.atop, m.rest) {
		r.header = append(r.header, e.Field)
	}
	return r
}

// pick returns the position of an entry in either list.
func (m *model) pick(p *tape) (list *[]entry, at int, ok bool) {
	n := p.upTo(len(m.atop) + len(m.rest))
	switch {
	case n < len(m.atop):
		return &m.atop, n, true
	case n-len(m.atop) < len(m.rest):
		return &m.rest, n - len(m.atop), true
	}
	return nil, 0, false
}

// names contains repeated names in different spellings.
var names = []string{"A", "a", "B", "Received", "X-Long-Name", "x-long-name"}

// edit makes one random edit to the ledger and to the model.
func (m *model) edit(l *ledger.Ledger, p *tape) {
	name := names[p.upTo(len(names))]
	switch p.upTo(11) {
	case 0:
		f := mta.Field{Name: name, Value: m.value()}
		m.rest = append(m.rest, entry{Field: f, id: l.Append(f.Name, f.Value)})
	case 1:
		f := mta.Field{Name: name, Value: m.value()}
		above := p.upTo(len(m.atop) + len(m.rest) + 2)
		m.insert(above, entry{Field: f, id: l.Insert(above, f.Name, f.Value)})
	case 2:
		f := mta.Field{Name: name, Value: m.value()}
		m.atop = slices.Insert(m.atop, 0, entry{Field: f, id: l.Prepend(f.Name, f.Value)})
	case 3, 4:
		m.change(l, p, m.value())
	case 5:
		m.change(l, p, "")
	case 6:
		if list, at, ok := m.pick(p); ok {
			l.Delete((*list)[at].id)
			*list = slices.Delete(*list, at, at+1)
		}
	case 7:
		if list, at, ok := m.pick(p); ok {
			if e := &(*list)[at]; p.upTo(4) == 0 && e.shownAs.Name != "" {
				name = e.shownAs.Name
			}
			l.Rename((*list)[at].id, name)
			(*list)[at].Name = name
		}
	case 8:
		f := mta.Field{Name: name, Value: m.value()}
		m.rest = slices.Insert(m.rest, 0, entry{Field: f, id: l.InsertTop(f.Name, f.Value)})
	default:
		m.insertBeside(l, p, mta.Field{Name: name, Value: m.value()})
	}
}

// insert inserts an entry below the given number of others.
func (m *model) insert(above int, e entry) {
	if above < len(m.atop) {
		m.atop = slices.Insert(m.atop, above, e)
		return
	}
	m.rest = slices.Insert(m.rest, min(above-len(m.atop), len(m.rest)), e)
}

// insertBeside inserts a field above or below another one.
func (m *model) insertBeside(l *ledger.Ledger, p *tape, f mta.Field) {
	list, at, ok := m.pick(p)
	if !ok {
		return
	}
	beside := (*list)[at].id
	if p.upTo(2) == 0 {
		*list = slices.Insert(*list, at, entry{Field: f, id: l.InsertAbove(beside, f.Name, f.Value)})
		return
	}
	last := at
	for i := range *list {
		if (*list)[i].below == beside && i > last {
			last = i
		}
	}
	*list = slices.Insert(*list, last+1, entry{Field: f, id: l.InsertBelow(beside, f.Name, f.Value), below: beside})
}

// change sets the value of a field. "" means the value that the MTA showed.
func (m *model) change(l *ledger.Ledger, p *tape, value string) {
	list, at, ok := m.pick(p)
	if !ok {
		return
	}
	e := &(*list)[at]
	if value == "" {
		if value = e.shownAs.Value; value == "" {
			return
		}
	}
	l.Change(e.id, value)
	e.Value = value
}

// play records a header, edits it according to the tape, and checks two
// properties: on both MTAs the script produces the edited header, and no
// modification of the script is superfluous.
func play(t testing.TB, data []byte) {
	t.Helper()
	p, m, l := &tape{data}, new(model), new(ledger.Ledger)
	var header []mta.Field
	for range 1 + p.upTo(8) {
		f := mta.Field{Name: names[p.upTo(len(names))], Value: m.value()}
		header = append(header, f)
		m.rest = append(m.rest, entry{Field: f, id: l.Show([]byte(f.Name), []byte(f.Value)), shownAs: f})
	}
	for edits := 0; len(p.rest) > 0 && edits < 40; edits++ {
		m.edit(l, p)
	}
	want := m.result()
	require.Equal(t, want.header, now(l), "the ledger's own view")
	for _, f := range flavors {
		mods := script(t, l, f)
		require.Equal(t, len(mods) == 0, l.Clean())
		require.Equal(t, want, apply(t, header, mods, f), "on %v: %q", f, texts(mods))
		for i := range mods {
			fewer := slices.Delete(slices.Clone(mods), i, i+1)
			require.NotEqual(t, want, apply(t, header, fewer, f), "%v can be left out of %q", mods[i], texts(mods))
		}
	}
}

// TestRandomEdits plays thousands of random edit sequences.
func TestRandomEdits(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		data := make([]byte, 1+rnd.IntN(120))
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		play(t, data)
		if t.Failed() {
			t.Fatalf("after %x", data)
		}
	}
}

func FuzzLedger(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{7, 0, 1, 2, 3, 4, 5, 0, 1, 0, 2, 0, 0, 3, 1})
	f.Add([]byte{3, 0, 0, 1, 0, 0, 6, 1, 0, 6, 0, 0, 7, 1, 3})
	f.Add([]byte{2, 3, 3, 3, 3, 2, 0, 1, 1, 3, 6, 2, 3, 2, 3, 3, 0})
	f.Fuzz(func(t *testing.T, data []byte) { play(t, data) })
}

// TestUnshownHeader edits a header that the MTA did not show: fields can be added
// above and below it.
func TestUnshownHeader(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 2000 {
		m, l := new(model), new(ledger.Ledger)
		var header []mta.Field
		for range rnd.IntN(8) {
			f := mta.Field{Name: names[rnd.IntN(len(names))], Value: m.value()}
			header = append(header, f)
			m.rest = append(m.rest, entry{Field: f})
		}
		for range rnd.IntN(6) {
			e := entry{Field: mta.Field{Name: names[rnd.IntN(len(names))], Value: m.value()}}
			switch rnd.IntN(3) {
			case 0:
				m.rest = append(m.rest, e)
				l.Append(e.Name, e.Value)
			case 1:
				m.atop = slices.Insert(m.atop, 0, e)
				l.Prepend(e.Name, e.Value)
			default:
				m.rest = slices.Insert(m.rest, 0, e)
				l.InsertTop(e.Name, e.Value)
			}
		}
		for _, f := range flavors {
			mods := script(t, l, f)
			require.Equal(t, m.result(), apply(t, header, mods, f), "on %v: %q of %v", f, texts(mods), header)
		}
	}
}
