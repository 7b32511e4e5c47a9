package record_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// The kinds and places of edits, as the framework numbers them.
const (
	appends = iota
	inserts
	changes
	deletes
	renames

	prepended = 1
	counted   = 2
)

// The names of fields in a program. Some are the same to strings.EqualFold, and some look so.
var someNames = []string{"A", "a", "b", "K", "k", "\u212a", "s", "\u017f", "\xff", "\xff\xff", "\ufffd", ""}

// program is a header and what filters do to it.
type program struct {
	header  []record.Field
	filters [][]tape.Edit
	placed  []bool // the record has the header as the filter left it: one field
}

// programOf makes a program of bytes.
func programOf(b []byte) (p program) {
	next := func(n int) (v int) {
		if len(b) > 0 {
			v, b = int(b[0])%n, b[1:]
		}
		return v
	}
	for range next(20) {
		p.header = append(p.header, record.Field{Name: someNames[next(len(someNames))], Value: fmt.Sprint(next(4))})
	}
	for i := 0; i == 0 || len(b) > 0 && i < 20; i++ {
		var edits []tape.Edit
		for range next(40) {
			name, value := someNames[next(len(someNames))], fmt.Sprint(next(4))
			e := tape.Edit{Filter: i, Kind: byte(next(7)), Place: byte(next(4)), Above: next(25), OldName: name, Name: name, Value: value}
			if e.Kind == renames {
				e.Name = someNames[next(len(someNames))]
			}
			edits = append(edits, e)
		}
		p.filters, p.placed = append(p.filters, edits), append(p.placed, next(10) == 1)
	}
	return p
}

// record returns the record of a program.
func (p *program) record() []byte {
	w := tape.NewWriter(32 << 20)
	for i := range p.filters {
		w.Filter(fmt.Sprint("filter", i), false)
	}
	for _, f := range p.header {
		w.Command('L', []byte(f.Name+"\x00"+f.Value+"\x00"))
	}
	for i, edits := range p.filters {
		for j := range edits {
			w.Edit(&edits[j])
		}
		if p.placed[i] {
			w.Field(i, "A", "placed")
		}
		w.Of(tape.KindApplied, i)
	}
	w.End(&tape.End{State: tape.StateAccepted})
	return w.Bytes()
}

// model applies edits to a header one after the other. It is slow and plain.
type model struct {
	header    []record.Field
	prepended int
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func (m *model) edit(e *tape.Edit) {
	added := record.Field{Name: valid(e.Name), Value: e.Value}
	at := 0
	switch {
	case e.Kind == appends:
		m.header = append(m.header, added)
		return
	case e.Kind == inserts && e.Place == prepended:
		m.prepended++
	case e.Kind == inserts && e.Place == counted:
		at = e.Above
	case e.Kind == inserts:
		at = m.prepended
	}
	if e.Kind == inserts {
		m.header = slices.Insert(m.header, min(at, len(m.header)), added)
		return
	}
	if at = m.nth(e.OldName, max(1, e.Above)); at < 0 {
		return
	}
	switch e.Kind {
	case changes:
		m.header[at].Value = added.Value
	case renames:
		m.header[at].Name = added.Name
	case deletes:
		m.header = slices.Delete(m.header, at, at+1)
	}
}

func (m *model) nth(name string, n int) int {
	for i := range m.header {
		if strings.EqualFold(m.header[i].Name, name) {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// places returns the number of fields above each new field. Of equal fields, those that were
// appended are the last ones.
func (m *model) places(edits []tape.Edit) (list []int) {
	taken := make([]bool, len(m.header))
	for i := range edits {
		e := &edits[i]
		at, step := 0, 1
		if e.Kind == appends {
			at, step = len(m.header)-1, -1
		}
		for at >= 0 && at < len(m.header) && (taken[at] || m.header[at] != record.Field{Name: valid(e.Name), Value: e.Value}) {
			at += step
		}
		switch found := at >= 0 && at < len(m.header); {
		case e.Kind > inserts:
			at = 0
		case found:
			taken[at] = true
		case e.Kind == inserts && e.Place == counted: // it did not stay
			at = e.Above
		default:
			at = 0
		}
		list = append(list, at)
	}
	return list
}

// check compares the header as each filter left it with the model's.
func (p *program) check(t *testing.T) {
	t.Helper()
	got, err := record.Decode(p.record())
	require.NoError(t, err)
	require.Len(t, got.Filters, len(p.filters))
	m := model{}
	for _, f := range p.header {
		m.header = append(m.header, record.Field{Name: valid(f.Name), Value: f.Value})
	}
	for i, edits := range p.filters {
		changed := p.placed[i]
		if changed {
			m.header = []record.Field{{Name: "A", Value: "placed"}}
		}
		for j := range edits {
			if e := &edits[j]; e.Kind <= renames && !p.placed[i] {
				changed = true
				m.edit(e)
			}
		}
		f := &got.Filters[i]
		if !changed {
			require.Empty(t, f.Header)
			continue
		}
		require.Equal(t, fmt.Sprint(m.header), fmt.Sprint(f.Header), "filter %d", i)
		var above []int
		for _, e := range f.Edits {
			above = append(above, e.Above)
		}
		require.Equal(t, m.places(edits), above, "filter %d", i)
	}
}

// The header as filters left it is the one that the edits make, one after the other.
func FuzzEdits(f *testing.F) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 80 {
		b := make([]byte, source.IntN(2000))
		for i := range b {
			b[i] = byte(source.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := programOf(b)
		p.check(t)
	})
}

// A header with as many fields as a record may have, each of which is edited.
func large(kind byte) *program {
	p := &program{placed: make([]bool, 1)}
	const n = 9_000
	var edits []tape.Edit
	for i := range n {
		p.header = append(p.header, record.Field{Name: "X", Value: "x"})
		edits = append(edits, tape.Edit{Kind: kind, Place: byte(i % 3), Above: n - i, OldName: "X", Name: "X", Value: "y"})
	}
	p.filters = [][]tape.Edit{edits}
	return p
}

func TestManyEdits(t *testing.T) {
	t.Parallel()
	for kind, want := range []int{appends: 18_000, inserts: 18_000, changes: 9_000, deletes: 0, renames: 9_000} {
		m, err := record.Decode(large(byte(kind)).record())
		require.NoError(t, err)
		assert.False(t, m.Cut)
		assert.Len(t, m.Filters[0].Header, want)
	}
}

// A record does not become so large by filters that each change a large header.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	p := &program{placed: make([]bool, 100)}
	for range 10_000 {
		p.header = append(p.header, record.Field{Name: "X", Value: "x"})
	}
	for i := range p.placed {
		p.filters = append(p.filters, []tape.Edit{{Filter: i, Kind: appends, Name: "Y", Value: "y"}})
	}
	m, err := record.Decode(p.record())
	require.NoError(t, err)
	assert.True(t, m.Cut)
	fields := 0
	for i := range m.Filters {
		fields += len(m.Filters[i].Header)
	}
	assert.Greater(t, fields, 400_000)
	assert.LessOrEqual(t, fields, 500_000)
}

func BenchmarkEdits(b *testing.B) {
	for kind, name := range []string{"append", "insert", "change", "delete", "rename"} {
		b.Run(name, func(b *testing.B) {
			rec := large(byte(kind)).record()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := record.Decode(rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
