package parts_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

const allowAll = edit.InSigned | edit.InMessages | edit.Unreadable

// same returns a change that writes the same content.
func same(p *parts.Part) (edit.Change, error) {
	if p.IsMultipart() || p.IsMessage() || p.Flaws&(parts.NoBlankLine|parts.HeaderTooLong) != 0 {
		return edit.Change{}, nil
	}
	return edit.Change{Transform: func(old io.Reader) io.Reader { return old }}, nil
}

// checkNothing checks that editors that change nothing return the same bytes.
func checkNothing(t testing.TB, message string) {
	t.Helper()
	e, err := edit.NewMessage(strings.NewReader(message), edit.Config{})
	require.NoError(t, err)
	got, err := io.ReadAll(iotest.HalfReader(e))
	require.NoError(t, err)
	require.Equal(t, message, string(got))
	for _, limits := range []parts.Limits{{}, small()} {
		e, err = edit.NewMessage(iotest.HalfReader(strings.NewReader(message)), edit.Config{Decide: same, Allow: allowAll, Limits: limits})
		require.NoError(t, err)
		got, err = io.ReadAll(e)
		if errors.Is(err, edit.ErrBoundary) && e.Flaws()&parts.LooseDelimiter != 0 {
			continue // a reader may take a line of the content for a delimiter
		}
		require.NoError(t, err)
		if e.Changed() {
			require.True(t, strings.HasPrefix(string(got), message), "%q", got)
			require.Contains(t, []string{"", "\r\n", "\n"}, string(got)[len(message):]) // an empty line behind the header
			continue
		}
		require.Equal(t, message, string(got))
	}
}

// TestEditNothing edits each message without a change.
func TestEditNothing(t *testing.T) {
	t.Parallel()
	for _, message := range corpus() {
		checkNothing(t, message)
		header, body := divide(message)
		checkNothing(t, header+"\r\n"+body)
	}
}

// FuzzEditNothing does that with any message.
func FuzzEditNothing(f *testing.F) {
	for _, message := range corpus() {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, message []byte) { checkNothing(t, string(message)) })
}

// newText is the content of the part that the edits write. It is hostile: it has lines that
// look like delimiters.
const newText = "new\r\n--b\r\n--b--\r\n--=_b1\r\n--c d"

// edits are the kinds of changes, and whether they are of the whole part.
func edits() []struct {
	change edit.Change
	before bool // there is a new part before it
	after  bool // or behind it
	gone   bool // the part is gone
} {
	text := []*edit.Part{{Type: "x/new", Text: newText}}
	return []struct {
		change              edit.Change
		before, after, gone bool
	}{
		{change: edit.Change{Remove: true}, gone: true},
		{change: edit.Change{Replace: text[0]}, gone: true, before: true},
		{change: edit.Change{Before: text}, before: true},
		{change: edit.Change{After: text}, after: true},
		{change: edit.Change{Append: text}, after: true},
		{change: edit.Change{Before: text, After: text, Remove: true}, before: true, after: true, gone: true},
		{change: edit.Change{Fields: []parts.Field{{Name: "X-New", Value: "x"}}}},
	}
}

// shown is what is compared of a part.
func shown(p *told) string { return p.kind + " " + p.text }

// isIn reports whether a path is that of a part or of a part in it.
func isIn(path, whole string) bool {
	return path == whole || whole == "" || strings.HasPrefix(path, whole+".")
}

// checkEdit edits a part of a message in some way, and checks that the others stay.
func checkEdit(t testing.TB, header, body string, part, kind int) {
	t.Helper()
	c := newCollector(parts.Limits{})
	c.start(header)
	write(t, c, body)
	list := c.finish(t)
	flaws := c.Flaws()
	p := list[part%len(list)]
	todo := edits()[kind%len(edits())]
	e, err := edit.New(strings.NewReader(body), fieldsOf(header), edit.Config{
		Allow: edit.InSigned | edit.InMessages,
		Decide: func(q *parts.Part) (edit.Change, error) {
			if q.Path() == p.path {
				return todo.change, nil
			}
			return edit.Change{}, nil
		},
	})
	var got []byte
	if err == nil {
		got, err = io.ReadAll(e)
	}
	if err != nil {
		var partError *edit.PartError
		require.ErrorAs(t, err, &partError)
		if flaws.Unreadable() {
			return
		}
		require.True(t, errors.Is(err, edit.ErrMessage) || errors.Is(err, edit.ErrNoMultipart) || errors.Is(err, edit.ErrNoContent), err)
		return
	}
	require.False(t, flaws.Unreadable())
	again := newCollector(parts.Limits{Depth: 33, Parts: 2000})
	again.start("")
	for _, f := range changed(fieldsOf(header), e.Header()) {
		again.AddField(f.Name, f.Value)
	}
	write(t, again, string(got))
	now := again.finish(t)
	assert.Zero(t, again.Flaws()&^flaws, "%v\n%q\n%q", again.Flaws()&^flaws, body, got)
	want, added := wanted(list, p, todo.before, todo.after, todo.gone)
	var have []string
	for _, q := range now {
		switch {
		case q.kind == "x/new":
			added--
		case p.path == "" && q.path == "" && (len(todo.change.Before) > 0 || len(todo.change.After) > 0):
			assert.Equal(t, "multipart/mixed", q.kind)
		case todo.gone && strings.HasPrefix(q.text, "The parts of this message"):
		default:
			have = append(have, shown(q))
		}
	}
	assert.Equal(t, want, have, "%q\n%q", body, got)
	assert.Zero(t, added, "%q\n%q", body, got)
}

// wanted returns what is left of a list of parts, and the number of new ones.
func wanted(list []*told, p *told, before, after, gone bool) (want []string, added int) {
	for _, q := range list {
		if !gone || !isIn(q.path, p.path) {
			want = append(want, shown(q))
		}
	}
	if before {
		added++
	}
	if after {
		added++
	}
	return want, added
}

// changed returns a header with changes.
func changed(fields, changes []parts.Field) []parts.Field {
	for _, c := range changes {
		fields = slices.DeleteFunc(fields, func(f parts.Field) bool {
			return strings.EqualFold(strings.TrimRight(f.Name, " \t"), c.Name)
		})
		if c.Value != "" {
			fields = append(fields, c)
		}
	}
	return fields
}

// TestEdits edits each part of each message in each way.
func TestEdits(t *testing.T) {
	t.Parallel()
	for name, message := range corpus() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, body := divide(message)
			list, _ := walk(t, parts.Limits{}, message)
			for part := range list {
				for kind := range edits() {
					checkEdit(t, header, body, part, kind)
				}
			}
		})
	}
}

// FuzzEdit does that with any message.
func FuzzEdit(f *testing.F) {
	for _, message := range corpus() {
		header, body := divide(message)
		f.Add(header, []byte(body), uint8(1), uint8(len(body)))
	}
	f.Fuzz(func(t *testing.T, header string, body []byte, part, kind uint8) {
		checkEdit(t, header, string(body), int(part), int(kind))
	})
}
