package crlf_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/crlf"
)

// naive is a byte-by-byte reference implementation of Canonical.
func naive(body []byte) ([]byte, bool) {
	out := []byte{}
	for i, c := range body {
		switch {
		case c == '\r' && (i+1 == len(body) || body[i+1] != '\n'):
			return nil, false
		case c == '\n' && (i == 0 || body[i-1] != '\r'):
			out = append(out, '\r', '\n')
		default:
			out = append(out, c)
		}
	}
	return out, true
}

var cases = []struct{ name, in, want string }{
	{"nothing", "", ""},
	{"no line end", "abc", "abc"},
	{"LF", "a\nb\n", "a\r\nb\r\n"},
	{"CRLF", "a\r\nb\r\n", "a\r\nb\r\n"},
	{"mixed", "a\r\nb\nc\r\n\n\r\n", "a\r\nb\r\nc\r\n\r\n\r\n"},
	{"LF first", "\na", "\r\na"},
	{"only LF", "\n\n", "\r\n\r\n"},
	{"8-bit and NUL", "\xff\x00\n", "\xff\x00\r\n"},
	{"a line longer than the buffer", strings.Repeat("x", 40_000) + "\n", strings.Repeat("x", 40_000) + "\r\n"},
	{"CRLF across the buffer", strings.Repeat("x", 16<<10-1) + "\r\ny", strings.Repeat("x", 16<<10-1) + "\r\ny"},
}

// readers split the data into pieces of different sizes.
var readers = map[string]func(io.Reader) io.Reader{
	"at once":         func(r io.Reader) io.Reader { return r },
	"byte by byte":    iotest.OneByteReader,
	"error with data": iotest.DataErrReader,
	"by halves":       iotest.HalfReader,
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(tt.in)
			got, err := crlf.Canonical(in)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
			assert.Equal(t, tt.in, string(in), "the caller's bytes are left alone")
			for name, cut := range readers {
				got, err := io.ReadAll(crlf.NewReader(cut(strings.NewReader(tt.in))))
				require.NoError(t, err, name)
				assert.Equal(t, tt.want, string(got), name)
				got, err = io.ReadAll(iotest.OneByteReader(crlf.NewReader(cut(strings.NewReader(tt.in)))))
				require.NoError(t, err, name)
				assert.Equal(t, tt.want, string(got), "%s, and handed out so", name)
			}
		})
	}
}

// A canonical body is not copied, because copies of large bodies are expensive.
func TestCanonicalIsNotCopied(t *testing.T) {
	t.Parallel()
	in := []byte("a\r\nb")
	got, err := crlf.Canonical(in)
	require.NoError(t, err)
	assert.Same(t, &in[0], &got[0])
}

func TestBareCR(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"\r", "a\rb", "a\r", "a\r\r\n", "a\n\rb\n", "\r\n\r", strings.Repeat("x", 16<<10-1) + "\ry"} {
		_, err := crlf.Canonical([]byte(in))
		require.ErrorIs(t, err, crlf.ErrBareCR, "%q", in)
		for name, cut := range readers {
			r := crlf.NewReader(cut(strings.NewReader(in)))
			_, err := io.ReadAll(r)
			require.ErrorIs(t, err, crlf.ErrBareCR, "%s of %q", name, in)
			_, err = r.Read(make([]byte, 1))
			require.ErrorIs(t, err, crlf.ErrBareCR, "the error stays")
		}
	}
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, in := range []string{"", "abc\n", "abc\r"} {
		got, err := io.ReadAll(crlf.NewReader(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken))))
		require.ErrorIs(t, err, broken)
		assert.Equal(t, strings.ReplaceAll(in, "\n", "\r\n"), string(got), "what came before is handed out")
	}
	// A truncated source, such as a compressed body, must not look like the
	// end of the body.
	_, err := io.ReadAll(crlf.NewReader(iotest.ErrReader(io.ErrUnexpectedEOF)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestReaderStandsStill(t *testing.T) {
	t.Parallel()
	_, err := io.ReadAll(crlf.NewReader(idle{}))
	require.ErrorIs(t, err, io.ErrNoProgress)
	n, err := crlf.NewReader(strings.NewReader("a")).Read(nil)
	require.NoError(t, err)
	assert.Zero(t, n)
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func FuzzCanonical(f *testing.F) {
	for _, tt := range cases {
		f.Add([]byte(tt.in), 7)
	}
	f.Fuzz(func(t *testing.T, body []byte, cut int) {
		want, ok := naive(body)
		got, err := crlf.Canonical(body)
		require.Equal(t, ok, err == nil)
		if ok {
			require.True(t, bytes.Equal(want, got))
		}
		size := max(1, cut&0xff)
		read, err := io.ReadAll(crlf.NewReader(&cutter{body, size}))
		require.Equal(t, ok, err == nil, "%v", err)
		if ok {
			require.True(t, bytes.Equal(want, read))
		}
	})
}

// cutter returns a few bytes per Read.
type cutter struct {
	rest []byte
	size int
}

func (c *cutter) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(c.size, len(c.rest))])
	c.rest = c.rest[n:]
	return n, nil
}

// BenchmarkReader reads lines of 60 bytes, ended by LF.
func BenchmarkReader(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 60)+"\n"), 16<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, crlf.NewReader(bytes.NewReader(body))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 60)+"\r\n"), 16<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := crlf.Canonical(body); err != nil {
			b.Fatal(err)
		}
	}
}
