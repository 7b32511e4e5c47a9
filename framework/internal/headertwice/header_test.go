package headertwice_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/headertwice"
)

// cut passes a text in chunks of a size, and returns what is the body.
func cut(h *headertwice.Header, text string, size int) (body string, wasCut bool) {
	var b strings.Builder
	for text != "" {
		n := min(size, len(text))
		part, ok := h.Cut([]byte(text[:n]), false)
		b.Write(part)
		wasCut = wasCut || ok
		text = text[n:]
	}
	part, ok := h.Cut(nil, true)
	b.Write(part)
	return b.String(), wasCut || ok
}

func TestCut(t *testing.T) {
	t.Parallel()
	const body = "A: 1\r\n\r\nA: 1\r\nlast"
	for name, c := range map[string]struct {
		fields [][2]string
		text   string
		want   string
		cut    bool
	}{
		"one field":                 {[][2]string{{"A", "1"}}, "A: 1\r\n\r\n" + body, body, true},
		"once only":                 {[][2]string{{"A", "1"}}, body, "A: 1\r\nlast", true},
		"spaces":                    {[][2]string{{"A", "1"}, {"B", "2  3"}}, "A:1\r\nB \t:\t 2  3  \r\n\r\n" + body, body, true},
		"continued":                 {[][2]string{{"A", "1\r\n\t2\n 3"}}, "A: 1\r\n\t2\r\n 3\r\n\r\n" + body, body, true},
		"LF":                        {[][2]string{{"A", "1"}, {"B", "2"}}, "A: 1\nB: 2\n\n" + body, body, true},
		"a value that is not UTF-8": {[][2]string{{"A", ""}, {"B", "2"}}, "A: Gr\xfc\xdfe\r\nB: 2\r\n\r\n" + body, body, true},
		"a line without a colon":    {[][2]string{{"A", "1"}, {"B", "2"}}, "A: 1\r\nline\r\nB: 2\r\n\r\n" + body, "A: 1\r\nline\r\nB: 2\r\n\r\n" + body, false},
		"a text in front":           {[][2]string{{"A", "1"}}, "text\r\nA: 1\r\n\r\n" + body, "text\r\nA: 1\r\n\r\n" + body, false},
		"a text behind":             {[][2]string{{"A", "1"}}, "A: 1\r\ntext\r\n\r\n" + body, "text\r\n\r\n" + body, true},
		"a text, and no line end":   {[][2]string{{"A", "1"}}, "A: 1\r\ntext", "text", true},
		"a text of two lines":       {[][2]string{{"A", "1"}}, "A: 1\r\ntext\n two\r\nB: 2\r\n\r\n" + body, "text\n two\r\nB: 2\r\n\r\n" + body, true},
		"a text that came":          {[][2]string{{"A", "1"}, {"text", ""}, {"B", "2"}}, "A: 1\r\ntext\nB: 2\r\n\r\n" + body, body, true},
		"a text that is continued":  {[][2]string{{"A", "1"}, {"text\n two", "3"}}, "A: 1\r\ntext\n two: 3\r\n\r\n" + body, body, true},
		"a name that is not UTF-8":  {[][2]string{{"A", "1"}, {"", "2"}}, "A: 1\r\nGr\xfc\xdfe: 2\r\n\r\n" + body, body, true},
		"a name was not shown":      {[][2]string{{"", "1"}}, "A: 1\r\n\r\n" + body, "A: 1\r\n\r\n" + body, false},
		"a value was not shown":     {[][2]string{{"A", ""}}, "A: text\r\n\r\n" + body, "A: text\r\n\r\n" + body, false},
		"no fields":                 {nil, "\r\n" + body, body, true},
		"no fields, and a text":     {nil, "text\r\n\r\ntext", "text\r\n\r\ntext", false},
		"no body":                   {[][2]string{{"A", "1"}}, "A: 1\r\n\r\n", "", true},
		"no empty line":             {[][2]string{{"A", "1"}}, "A: 1\r\n", "", true},
		"no line end":               {[][2]string{{"A", "1"}}, "A: 1", "", true},
		"another value":             {[][2]string{{"A", "1"}}, "A: 2\r\n\r\n" + body, "A: 2\r\n\r\n" + body, false},
		"another name":              {[][2]string{{"A", "1"}}, "B: 1\r\n\r\n" + body, "B: 1\r\n\r\n" + body, false},
		"another order":             {[][2]string{{"A", "1"}, {"B", "2"}}, "B: 2\r\nA: 1\r\n\r\n" + body, "B: 2\r\nA: 1\r\n\r\n" + body, false},
		"a field less":              {[][2]string{{"A", "1"}, {"B", "2"}}, "A: 1\r\n\r\n" + body, "A: 1\r\n\r\n" + body, false},
		"a field more":              {[][2]string{{"A", "1"}}, "A: 1\r\nB: 2\r\n\r\n" + body, "A: 1\r\nB: 2\r\n\r\n" + body, false},
		"the body alone":            {[][2]string{{"A", "1"}}, "text\r\n\r\ntext", "text\r\n\r\ntext", false},
		"nothing":                   {[][2]string{{"A", "1"}}, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h headertwice.Header
			for size := range len(c.text) + 1 {
				for _, f := range c.fields {
					h.Field([]byte(f[0]), []byte(f[1]))
				}
				got, wasCut := cut(&h, c.text, size+1)
				assert.Equal(t, c.want, got, "in chunks of %d", size+1)
				assert.Equal(t, c.cut, wasCut)
				assert.True(t, h.Done())
				assert.Zero(t, h.Held())
				h.Reset()
				assert.False(t, h.Done())
			}
		})
	}
}

func TestGiveUp(t *testing.T) {
	t.Parallel()
	var h headertwice.Header
	h.Field([]byte("A"), []byte("1"))
	body, _ := h.Cut([]byte("A: "), false)
	assert.Empty(t, body)
	assert.Equal(t, 3, h.Held())
	assert.Equal(t, "A: ", string(h.GiveUp()))
	body, wasCut := h.Cut([]byte("1\r\n\r\n"), false)
	assert.Equal(t, "1\r\n\r\n", string(body))
	assert.False(t, wasCut)
}

// Whatever comes is the body, with or without a header in front, and the result does not
// depend on the chunks.
func FuzzCut(f *testing.F) {
	f.Add("A", "1", "A: 1\r\n\r\ntext", uint8(3))
	f.Add("A", "", "A: \xff\n\ntext", uint8(1))
	f.Add("", "", ":\r\n\r\n", uint8(200))
	f.Fuzz(func(t *testing.T, name, value, text string, size uint8) {
		var one, other headertwice.Header
		one.Field([]byte(name), []byte(value))
		other.Field([]byte(name), []byte(value))
		whole, wasCut := cut(&one, text, max(1, len(text)))
		parts, partsCut := cut(&other, text, int(size)+1)
		assert.Equal(t, whole, parts)
		assert.Equal(t, wasCut, partsCut)
		assert.True(t, strings.HasSuffix(text, whole))
		if !wasCut {
			assert.Equal(t, text, whole)
		}
		if wasCut && value == "" {
			_, shown, _ := strings.Cut(strings.TrimRight(text[:len(text)-len(whole)], "\r\n"), ":")
			assert.True(t, strings.TrimSpace(shown) == "" || !utf8.ValidString(shown), "no readable text is cut that was not shown")
		}
		if head := text[:len(text)-len(whole)]; wasCut && value != "" {
			trimmed := bytes.TrimSpace([]byte(strings.ReplaceAll(value, "\r", "")))
			assert.Contains(t, strings.ReplaceAll(head, "\r", ""), string(trimmed))
		}
	})
}

// The body is doubtful if a part of the header came again, and not all of it.
func TestDoubtful(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text     string
		doubtful bool
	}{
		"all":                {"A: 1\r\nB: 2\r\n\r\ntext\r\n", false},
		"no body":            {"A: 1\r\nB: 2\r\n", false},
		"a text behind":      {"A: 1\r\nB: 2\r\ntext\r\nC: 3\r\n\r\ntext\r\n", true},
		"the first field":    {"A: 1\r\nC: 3\r\n\r\ntext\r\n", true},
		"a text between":     {"A: 1\r\ntext\r\nB: 2\r\n\r\ntext\r\n", true},
		"the body alone":     {"text\r\n", false},
		"another header":     {"B: 2\r\nA: 1\r\n\r\ntext\r\n", false},
		"nothing":            {"", false},
		"too long to end it": {"A: 1\r\nB", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h headertwice.Header
			for range 2 {
				h.Field([]byte("A"), []byte("1"))
				h.Field([]byte("B"), []byte("2"))
				assert.False(t, h.Doubtful())
				if strings.HasSuffix(c.text, "\n") || c.text == "" {
					cut(&h, c.text, 3)
				} else {
					h.Cut([]byte(c.text), false)
					h.GiveUp()
				}
				assert.Equal(t, c.doubtful, h.Doubtful())
				h.Reset()
			}
		})
	}
}
