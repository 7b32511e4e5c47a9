package parts_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// manyEdits changes many parts of one message. The change of a part follows from its
// number, so that a seed tells all of them.
type manyEdits struct {
	seed    uint64
	asked   uint
	added   int
	removed map[string]bool // the paths of parts that are gone
}

// decide returns a change for the next part.
func (m *manyEdits) decide(p *parts.Part) (c edit.Change, _ error) {
	bits := m.seed >> (m.asked % 16 * 4) & 15
	m.asked++
	text := []*edit.Part{{Type: "x/new", Text: newText}}
	inner := p.Parent != nil && p.Parent.IsMultipart()
	if bits&1 != 0 && inner {
		c.Before = text
	}
	if bits&2 != 0 && inner {
		c.After = text
	}
	switch {
	case p.Flaws&parts.NoBoundary == 0 && p.IsMultipart() && bits&4 != 0 && p.Flaws&parts.NoBlankLine == 0:
		c.Append = text
	case bits&12 == 12 && inner:
		c.Replace = text[0]
		m.removed[p.Path()] = true
		m.added++
	case bits&8 != 0 && inner:
		c.Remove = true
		m.removed[p.Path()] = true
	}
	m.added += len(c.Before) + len(c.After) + len(c.Append)
	return c, nil
}

// isGone reports whether a part or one that contains it was removed.
func (m *manyEdits) isGone(path string) bool {
	for removed := range m.removed {
		if isIn(path, removed) {
			return true
		}
	}
	return false
}

// checkMany changes many parts of a message at once, and checks that the others stay.
func checkMany(t testing.TB, header, body string, seed uint64) {
	t.Helper()
	c := newCollector(parts.Limits{})
	c.start(header)
	write(t, c, body)
	list := c.finish(t)
	m := manyEdits{seed: seed, removed: make(map[string]bool)}
	e, err := edit.New(strings.NewReader(body), fieldsOf(header), edit.Config{Allow: edit.InSigned | edit.InMessages, Decide: m.decide})
	var got []byte
	if err == nil {
		got, err = io.ReadAll(e)
	}
	if err != nil {
		unreadable := c.Flaws().Unreadable() && errors.Is(err, edit.ErrUnreadable)
		require.True(t, unreadable || errors.Is(err, edit.ErrNoContent) && strings.HasSuffix(body, "\r"), err)
		return
	}
	again := newCollector(parts.Limits{Depth: 33, Parts: 5000})
	again.start(header)
	write(t, again, string(got))
	now := again.finish(t)
	assert.Zero(t, again.Flaws()&^c.Flaws(), "%v\n%q\n%q", again.Flaws()&^c.Flaws(), body, got)
	var want, have []string
	for _, p := range list {
		if !m.isGone(p.path) {
			want = append(want, shown(p))
		}
	}
	for _, p := range now {
		switch {
		case p.kind == "x/new":
			m.added--
		case !strings.HasPrefix(p.text, "The parts of this message"):
			have = append(have, shown(p))
		}
	}
	assert.Equal(t, want, have, "%q\n%q", body, got)
	assert.Zero(t, m.added, "%q\n%q", body, got)
}

// TestManyEdits changes many parts of each message.
func TestManyEdits(t *testing.T) {
	t.Parallel()
	for name, message := range corpus() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, body := divide(message)
			for seed := uint64(1); seed <= 10; seed++ {
				checkMany(t, header, body, seed*0x9e3779b97f4a7c15)
			}
		})
	}
}

// FuzzManyEdits does that with any message.
func FuzzManyEdits(f *testing.F) {
	for _, message := range corpus() {
		header, body := divide(message)
		f.Add(header, []byte(body), uint64(len(body))*0x9e3779b97f4a7c15)
	}
	f.Fuzz(func(t *testing.T, header string, body []byte, seed uint64) {
		checkMany(t, header, string(body), seed)
	})
}
