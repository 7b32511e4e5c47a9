package edit_test

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

const mixed = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"

// changeAll returns a Decide that changes the parts at some paths.
func changeAll(changes map[string]edit.Change) func(p *parts.Part) (edit.Change, error) {
	return func(p *parts.Part) (edit.Change, error) { return changes[p.Path()], nil }
}

// boundaries matches the boundaries that the editor makes. They are random.
var boundaries = regexp.MustCompile("=_[A-Z2-7]{26}")

// read edits a message that is read in pieces of some sizes, and returns the result, which
// must not depend on them.
func read(t testing.TB, message string, config func() edit.Config) (string, error) {
	t.Helper()
	var want string
	var wantErr error
	for i, source := range []io.Reader{
		strings.NewReader(message), iotest.OneByteReader(strings.NewReader(message)),
		iotest.DataErrReader(strings.NewReader(message)), iotest.HalfReader(strings.NewReader(message)),
	} {
		got := ""
		e, err := edit.NewMessage(source, config())
		if err == nil {
			var text []byte
			if i == 1 {
				text, err = io.ReadAll(iotest.OneByteReader(e))
			} else {
				text, err = io.ReadAll(e)
			}
			got = boundaries.ReplaceAllString(string(text), "=_X")
		}
		if i == 0 {
			want, wantErr = got, err
			continue
		}
		if wantErr != nil {
			require.EqualError(t, err, wantErr.Error())
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	return want, wantErr
}

func upper(old io.Reader) io.Reader {
	text, err := io.ReadAll(old)
	if err != nil {
		return iotest.ErrReader(err)
	}
	return strings.NewReader(strings.ToUpper(string(text)))
}

func TestChanges(t *testing.T) {
	t.Parallel()
	const two = mixed + "pre\n--b \nX: y\n\none\n--b\t\n\ntwo\n\n--b--\nepi"
	text := &edit.Part{Type: "text/plain", Text: "new\n"}
	const added = "Content-Type: text/plain\n\nnew\n"
	for name, c := range map[string]struct {
		message string
		changes map[string]edit.Change
		want    string
	}{
		"remove the first":    {two, map[string]edit.Change{"1": {Remove: true}}, mixed + "pre\n--b\t\n\ntwo\n\n--b--\nepi"},
		"remove the last":     {two, map[string]edit.Change{"2": {Remove: true}}, mixed + "pre\n--b \nX: y\n\none\n--b--\nepi"},
		"remove both":         {two, map[string]edit.Change{"1": {Remove: true}, "2": {Remove: true}}, mixed + "pre\n--b\nContent-Type: text/plain; charset=utf-8\n\nThe parts of this message were removed.\n--b--\nepi"},
		"remove and add":      {two, map[string]edit.Change{"1": {Remove: true}, "2": {Remove: true, After: []*edit.Part{text}}}, mixed + "pre\n--b\n" + added + "\n--b--\nepi"},
		"replace":             {two, map[string]edit.Change{"1": {Replace: text}}, mixed + "pre\n--b \n" + added + "\n--b\t\n\ntwo\n\n--b--\nepi"},
		"transform":           {two, map[string]edit.Change{"1": {Transform: upper}}, mixed + "pre\n--b \nX: y\n\nONE\n--b\t\n\ntwo\n\n--b--\nepi"},
		"transform and field": {two, map[string]edit.Change{"1": {Transform: upper, Fields: []parts.Field{{Name: "x"}, {Name: "Content-Type", Value: "text/html"}}}}, mixed + "pre\n--b \nContent-Type: text/html\n\nONE\n--b\t\n\ntwo\n\n--b--\nepi"},
		"before and after":    {two, map[string]edit.Change{"1": {Before: []*edit.Part{text}, After: []*edit.Part{text, text}}}, mixed + "pre\n--b\n" + added + "\n--b \nX: y\n\none\n--b\n" + added + "\n--b\n" + added + "\n--b\t\n\ntwo\n\n--b--\nepi"},
		"append":              {two, map[string]edit.Change{"": {Append: []*edit.Part{text}}}, mixed + "pre\n--b \nX: y\n\none\n--b\t\n\ntwo\n\n--b\n" + added + "\n--b--\nepi"},
		"replace the message": {two, map[string]edit.Change{"": {Replace: text}}, "MIME-Version: 1.0\nContent-Type: text/plain\n\nnew\n"},
		"transform the message": {
			"Subject: x\n\nhello",
			map[string]edit.Change{"": {Transform: upper, Fields: []parts.Field{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}}}},
			"Subject: x\nContent-Type: text/plain; charset=utf-8\nMIME-Version: 1.0\n\nHELLO",
		},
		"unclosed, remove": {mixed + "--b\n\none\n--b\n\ntwo\n", map[string]edit.Change{"2": {Remove: true}}, mixed + "--b\n\none\n--b--\n"},
		"unclosed, all":    {mixed + "--b\n\none\n", map[string]edit.Change{"1": {Remove: true}}, mixed + "--b\nContent-Type: text/plain; charset=utf-8\n\nThe parts of this message were removed."},
		"unclosed, append": {mixed + "--b\n\none\n", map[string]edit.Change{"": {Append: []*edit.Part{text}}}, mixed + "--b\n\none\n\n--b\n" + added},
		"empty, append":    {mixed, map[string]edit.Change{"": {Append: []*edit.Part{text, text}}}, mixed + "--b\n" + added + "\n--b\n" + added},
		"empty content":    {mixed + "--b\n\n--b--", map[string]edit.Change{"1": {Transform: func(io.Reader) io.Reader { return strings.NewReader("x") }}}, mixed + "--b\n\nx\n--b--"},
		"cut header":       {mixed + "--b\nX: y\n--b--", map[string]edit.Change{"1": {Replace: text}}, mixed + "--b\n" + added + "\n--b--"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, crlf := range []bool{false, true} {
				message, want := c.message, c.want
				if crlf {
					message, want = strings.ReplaceAll(message, "\n", "\r\n"), strings.ReplaceAll(want, "\n", "\r\n")
				}
				got, err := read(t, message, func() edit.Config { return edit.Config{Decide: changeAll(c.changes)} })
				require.NoError(t, err)
				assert.Equal(t, want, got)
			}
		})
	}
}

// TestWrap tests that a message becomes a multipart, and what becomes of its header.
func TestWrap(t *testing.T) {
	t.Parallel()
	x := []*edit.Part{{Type: "text/plain", Text: "x"}}
	const begin = "MIME-Version: 1.0\n"
	const outer = "Content-Type: multipart/mixed; boundary=\"=_X\"\n"
	const added = "--=_X\nContent-Type: text/plain\n\nx\n"
	for name, c := range map[string]struct {
		message string
		change  edit.Change
		want    string
	}{
		"text": {
			begin + "Content-Type: text/html;\n charset=utf-8\nContent-Transfer-Encoding: 8bit\nSubject: y\n\nü",
			edit.Change{After: x},
			begin + outer + "Content-Transfer-Encoding: 8bit\nSubject: y\n\n--=_X\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nü\n" + added + "--=_X--\n",
		},
		"no MIME": {
			"Subject: y\n\nhello\n",
			edit.Change{Before: x, After: x},
			"Subject: y\n" + outer + begin + "\n" + added + "--=_X\n\nhello\n\n" + added + "--=_X--\n",
		},
		"attachment": {
			begin + "Content-disposition: attachment; filename=a\ncontent-id: <a>\nContent-\x1a: x\nContent-Transfer-Encoding: base64\n\nAAAA\n",
			edit.Change{After: x},
			begin + "Content-\x1a: x\n" + outer + "\n--=_X\nContent-disposition: attachment; filename=a\ncontent-id: <a>\nContent-Transfer-Encoding: base64\n\nAAAA\n\n" + added + "--=_X--\n",
		},
		"changed": {
			begin + "Content-Type: text/html\n\nhello\n",
			edit.Change{After: x, Transform: upper, Fields: []parts.Field{{Name: "Content-Type", Value: "text/x"}, {Name: "Content-ID"}}},
			begin + outer + "\n--=_X\nContent-Type: text/x\n\nHELLO\n\n" + added + "--=_X--\n",
		},
		"header alone": {
			"Subject: y",
			edit.Change{After: x},
			"Subject: y\r\n" + strings.ReplaceAll(outer+begin+"\n--=_X\n\n\n"+added+"--=_X--\n", "\n", "\r\n"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, c.message, func() edit.Config {
				return edit.Config{Decide: changeAll(map[string]edit.Change{"": c.change}), Allow: edit.Unreadable}
			})
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// TestHeader tests the changes of the header that a filter is told.
func TestHeader(t *testing.T) {
	t.Parallel()
	header := []parts.Field{{Name: "Subject", Value: "x"}, {Name: "Content-Type", Value: " text/html"}, {Name: "Content-Transfer-Encoding", Value: "base64"}}
	version := parts.Field{Name: "MIME-Version", Value: "1.0"}
	x := &edit.Part{Type: "text/plain", Text: "x"}
	for name, c := range map[string]struct {
		change edit.Change
		header []parts.Field
		body   string
	}{
		"nothing":   {edit.Change{}, nil, "AA"},
		"transform": {edit.Change{Transform: upper}, nil, "AA"},
		"replace":   {edit.Change{Replace: x}, []parts.Field{{Name: "Content-Type", Value: "text/plain"}, {Name: "Content-Transfer-Encoding"}, version}, "x"},
		"fields":    {edit.Change{Fields: []parts.Field{{Name: "Content-Type", Value: "text/x"}}}, []parts.Field{{Name: "Content-Type", Value: "text/x"}, version}, "AA"},
		"before": {edit.Change{Before: []*edit.Part{x}}, []parts.Field{
			{Name: "Content-Type", Value: `multipart/mixed; boundary="=_X"`}, {Name: "Content-Transfer-Encoding"}, version,
		}, "--=_X\r\nContent-Type: text/plain\r\n\r\nx\r\n--=_X\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nAA\r\n--=_X--\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := edit.New(strings.NewReader("AA"), header, edit.Config{Decide: changeAll(map[string]edit.Change{"": c.change})})
			require.NoError(t, err)
			changes := e.Header()
			for i := range changes {
				changes[i].Value = boundaries.ReplaceAllString(changes[i].Value, "=_X")
			}
			assert.Equal(t, c.header, changes)
			assert.Equal(t, name != "nothing", e.Changed())
			assert.Equal(t, parts.NoVersion, e.Flaws())
			got, err := io.ReadAll(e)
			require.NoError(t, err)
			assert.Equal(t, c.body, boundaries.ReplaceAllString(string(got), "=_X"))
		})
	}
}

// TestOld tests what a Transform may read of the old content, and when.
func TestOld(t *testing.T) {
	t.Parallel()
	const message = mixed + "--b\n\none\n1\n--b\n\ntwo\n--b--\n"
	var kept io.Reader
	for name, c := range map[string]struct {
		transform func(old io.Reader) io.Reader
		want      string
	}{
		"all, and more":    {func(old io.Reader) io.Reader { return io.MultiReader(old, strings.NewReader("!")) }, "one\n1!"},
		"some":             {func(old io.Reader) io.Reader { return io.LimitReader(old, 2) }, "on"},
		"none":             {func(old io.Reader) io.Reader { kept = old; return strings.NewReader("new") }, "new"},
		"none, no content": {func(io.Reader) io.Reader { return strings.NewReader("") }, ""},
		"twice": {func(old io.Reader) io.Reader {
			return io.MultiReader(old, io.MultiReader(old, strings.NewReader("!")))
		}, "one\n1!"},
	} {
		got, err := read(t, message, func() edit.Config {
			return edit.Config{Decide: changeAll(map[string]edit.Change{"1": {Transform: c.transform}})}
		})
		require.NoError(t, err, name)
		assert.Equal(t, strings.Replace(message, "one\n1", c.want, 1), got, name)
	}
	n, err := kept.Read(make([]byte, 1))
	assert.Zero(t, n)
	assert.ErrorIs(t, err, io.EOF, "too late")
}

// TestWhole tests the content of parts that contain others, and that Decide is not asked
// about the parts in one that goes.
func TestWhole(t *testing.T) {
	t.Parallel()
	const inner = "--c\n\none\n--b2\n--c--\n"
	const message = mixed + "--b\nContent-Type: multipart/mixed; boundary=c\n\n" + inner + "\n--b\n\ntwo\n--b--\n"
	for name, change := range map[string]edit.Change{
		"transform": {Transform: func(old io.Reader) io.Reader { return old }},
		"remove":    {Remove: true},
		"replace":   {Replace: &edit.Part{}},
	} {
		asked := make(map[string]bool)
		got, err := editWith(message, edit.Config{Allow: edit.Unreadable, Decide: func(p *parts.Part) (edit.Change, error) {
			asked[p.Path()] = true
			return changeAll(map[string]edit.Change{"1": change})(p)
		}})
		require.NoError(t, err)
		assert.Equal(t, map[string]bool{"": true, "1": true, "2": true}, asked)
		assert.Equal(t, name == "transform", got == message, name)
	}
}
