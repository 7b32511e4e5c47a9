package canon_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/canon"
)

// body returns the canonical form of a text that is written in pieces.
func body(t *testing.T, m canon.Method, text string, piece int) string {
	t.Helper()
	var out bytes.Buffer
	b := m.NewBody(&out)
	for rest := []byte(text); len(rest) > 0; {
		n := min(piece, len(rest))
		_, err := b.Write(rest[:n])
		require.NoError(t, err)
		rest = rest[n:]
	}
	require.NoError(t, b.Close())
	return out.String()
}

func TestBody(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, simple, relaxed string }{
		"empty":                    {"", "\r\n", ""},
		"one line end":             {"\r\n", "\r\n", ""},
		"empty lines":              {"\r\n\r\n\r\n", "\r\n", ""},
		"RFC 6376 section 3.4.5":   {" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
		"no line end":              {"a", "a\r\n", "a\r\n"},
		"empty lines inside":       {"a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
		"empty lines first":        {"\r\n\r\nb\r\n", "\r\n\r\nb\r\n", "\r\n\r\nb\r\n"},
		"white lines at the end":   {"a\r\n \t\r\n\r\n", "a\r\n \t\r\n", "a\r\n"},
		"white line alone":         {"  \t \r\n", "  \t \r\n", ""},
		"a CR alone":               {"a\rb\r\r\n", "a\rb\r\r\n", "a\rb\r\r\n"},
		"space before a CR alone":  {"a  \rb\r\n", "a  \rb\r\n", "a \rb\r\n"},
		"CR and space":             {"a\r b\r\n", "a\r b\r\n", "a\r b\r\n"},
		"an LF alone":              {"a\nb \n\r\n", "a\nb \n\r\n", "a\nb \n\r\n"},
		"tabs":                     {"\ta\t\tb\t\r\n", "\ta\t\tb\t\r\n", " a b\r\n"},
		"space, tab":               {"a \tb\r\n", "a \tb\r\n", "a b\r\n"},
		"white space, then a line": {"a \r\n\r\n b\r\n", "a \r\n\r\n b\r\n", "a\r\n\r\n b\r\n"},
		"a CR at the very end":     {"a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n"},
		"NUL and 8 bits":           {"\x00\xff \x80\r\n", "\x00\xff \x80\r\n", "\x00\xff \x80\r\n"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, piece := range []int{1, 2, 3, 1000} {
				assert.Equal(t, c.simple, body(t, canon.Simple, c.text, piece), "simple, in pieces of %d", piece)
				assert.Equal(t, c.relaxed, body(t, canon.Relaxed, c.text, piece), "relaxed, in pieces of %d", piece)
			}
		})
	}
}

var (
	endings = regexp.MustCompile(`(?:\r\n)+$`)
	before  = regexp.MustCompile(`[ \t]+\r\n`)
	runs    = regexp.MustCompile(`[ \t]+`)
)

// byTheBook implements the definition of RFC 6376 for a whole body that ends in
// CRLF.
func byTheBook(m canon.Method, text string) string {
	if m == canon.Relaxed {
		text = runs.ReplaceAllString(before.ReplaceAllString(text, "\r\n"), " ")
	}
	text = endings.ReplaceAllString(text, "")
	if text == "" && m == canon.Relaxed {
		return ""
	}
	return text + "\r\n"
}

// TestBodyByTheBook compares Body with byTheBook on random bodies of the bytes
// that canonicalization treats specially.
func TestBodyByTheBook(t *testing.T) {
	t.Parallel()
	parts := []string{"a", "xyz", " ", "  ", "\t", "\r\n", "\r\n\r\n", "\r", "\n", strings.Repeat("long ", 200), strings.Repeat("b", 5000)}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		var text strings.Builder
		for range rnd.IntN(20) {
			text.WriteString(parts[rnd.IntN(len(parts))])
		}
		whole := text.String() + "\r\n"
		for _, m := range []canon.Method{canon.Simple, canon.Relaxed} {
			require.Equal(t, byTheBook(m, whole), body(t, m, whole, 1+rnd.IntN(200)), "%v of %q", m, whole)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(" C \r\nD \t E\r\n\r\n\r\n"), uint8(1))
	f.Add([]byte("a \r\r\n\t\r\n\nb"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, piece uint8) {
		whole := string(text) + "\r\n"
		for _, m := range []canon.Method{canon.Simple, canon.Relaxed} {
			require.Equal(t, byTheBook(m, whole), body(t, m, whole, int(piece)+1), "%v", m)
		}
	})
}

func TestBodyKeepsLittle(t *testing.T) { //nolint:paralleltest // it counts allocations
	var n int
	b := canon.Relaxed.NewBody(count{&n})
	chunk := bytes.Repeat([]byte(" \r\n"), 20000)
	allocs := testing.AllocsPerRun(10, func() { _, _ = b.Write(chunk) })
	assert.Zero(t, allocs, "lines that may not count are counted, not kept")
	require.NoError(t, b.Close())
	assert.Zero(t, n)
}

type count struct{ n *int }

func (c count) Write(p []byte) (int, error) { *c.n += len(p); return len(p), nil }

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestBodyReportsItsWriter(t *testing.T) {
	t.Parallel()
	b := canon.Simple.NewBody(broken{})
	_, err := b.Write(bytes.Repeat([]byte("x"), 5000))
	require.Error(t, err)
	assert.Error(t, b.Close())
}

func TestReset(t *testing.T) {
	t.Parallel()
	var first, second bytes.Buffer
	b := canon.Simple.NewBody(&first)
	_, _ = b.Write([]byte("left over\r\n\r\n\r"))
	b.Reset(canon.Relaxed, &second)
	_, _ = b.Write([]byte("a  b\r\n"))
	require.NoError(t, b.Close())
	assert.Equal(t, "a b\r\n", second.String())
}

func TestField(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ name, value, simple, relaxed string }{
		"RFC 6376 section 3.4.5, A": {"A", " X", "A: X\r\n", "a:X\r\n"},
		"RFC 6376 section 3.4.5, B": {"B ", " Y\t\r\n\tZ  ", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		"no space":                  {"Subject", "x", "Subject:x\r\n", "subject:x\r\n"},
		"empty":                     {"X", "", "X:\r\n", "x:\r\n"},
		"only white space":          {"X", " \t\n ", "X: \t\r\n \r\n", "x:\r\n"},
		"folded by LF":              {"X", " a\n b", "X: a\r\n b\r\n", "x:a b\r\n"},
		"folded by both":            {"X", " a\r\n b\n\tc", "X: a\r\n b\r\n\tc\r\n", "x:a b c\r\n"},
		"a CR alone":                {"X", " a\rb", "X: a\rb\r\n", "x:a\rb\r\n"},
		"8 bits":                    {"X", " \xe4\xff", "X: \xe4\xff\r\n", "x:\xe4\xff\r\n"},
		"letters of other scripts":  {"X-\u00c4", " \u00c4", "X-\u00c4: \u00c4\r\n", "x-\u00c4:\u00c4\r\n"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.simple, string(canon.Simple.AppendField(nil, c.name, c.value)))
			assert.Equal(t, c.relaxed, string(canon.Relaxed.AppendField([]byte("kept "), c.name, c.value))[5:])
		})
	}
}

func BenchmarkBody(b *testing.B) {
	prose := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog, again and again and again.\r\n"), 1<<20/73)
	indented := bytes.Repeat([]byte("    The  quick brown fox jumps over\tthe lazy dog, again  and again. \r\n"), 1<<20/70)
	for name, text := range map[string][]byte{"prose": prose, "indented": indented} {
		for _, m := range []canon.Method{canon.Simple, canon.Relaxed} {
			b.Run(m.String()+" "+name, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					var n int
					body := m.NewBody(count{&n})
					_, _ = body.Write(text)
					_ = body.Close()
				}
			})
		}
	}
}
