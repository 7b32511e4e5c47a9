package parts_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// corpus returns the messages of all tables.
func corpus() map[string]string {
	all := make(map[string]string)
	for name, c := range structureTests() {
		all[name] = c.message
	}
	for name, c := range nameTests() {
		if c.flaws != parts.TooManyNames {
			all["name: "+name] = mixed + "--b\n" + c.header + "\n\ncontent\n--b--\n"
		}
	}
	return all
}

// small makes the limits matter in messages of a few lines.
func small() parts.Limits { return parts.Limits{Depth: 3, Parts: 5, Header: 60, Boundary: 20} }

// TestCuts writes each message cut into two pieces at every byte, and byte by byte.
// What is told is the same as in one piece.
func TestCuts(t *testing.T) {
	t.Parallel()
	for name, message := range corpus() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, limits := range []parts.Limits{{}, small()} {
				want, flaws := walk(t, limits, message)
				header, body := divide(message)
				checkPlaces(t, body, want)
				c := newCollector(limits)
				for cut := range len(body) {
					c.start(header)
					write(t, c, body[:cut])
					c.settled = c.Settled()
					write(t, c, body[cut:])
					require.Equal(t, want, c.finish(t), "cut at %d of %q", cut, body)
					require.Equal(t, flaws, c.Flaws())
				}
				c.start(header)
				for i := range len(body) {
					write(t, c, body[i:i+1])
					c.settled = c.Settled()
				}
				require.Equal(t, want, c.finish(t))
			}
		})
	}
}

func write(t testing.TB, w io.Writer, text string) {
	t.Helper()
	n, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(text), n)
}

// TestLineEnds tests that lines that end with LF alone give the same parts.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	for name, message := range corpus() {
		want, _ := walk(t, parts.Limits{}, message)
		header, body := divide(message)
		c := newCollector(parts.Limits{})
		c.start(header)
		body = strings.ReplaceAll(body, "\r\n", "\n")
		write(t, c, body)
		got := c.finish(t)
		assert.Equal(t, outline(want), outline(got), name)
		checkPlaces(t, body, got)
	}
}

// TestReader tests that a reader tells the same as a walker, and reads the contents.
func TestReader(t *testing.T) {
	t.Parallel()
	for name, message := range corpus() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, flaws := walk(t, parts.Limits{}, message)
			header, body := divide(message)
			for _, source := range []io.Reader{
				strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body)),
				iotest.DataErrReader(strings.NewReader(body)), iotest.HalfReader(strings.NewReader(body)),
			} {
				r := parts.NewReader(source, fieldsOf(header), parts.Limits{})
				var got []*parts.Part
				for {
					p, err := r.Next()
					if err != nil {
						require.ErrorIs(t, err, io.EOF)
						break
					}
					got = append(got, p)
					if len(got)%3 == 0 {
						continue // Next skips the content
					}
					text, err := io.ReadAll(r)
					require.NoError(t, err)
					assert.Equal(t, want[len(got)-1].text, string(text))
				}
				require.Len(t, got, len(want))
				for i, p := range got {
					assert.Equal(t, []any{want[i].path, want[i].kind, want[i].names, want[i].flaws, want[i].end},
						[]any{p.Path(), p.Type, p.Names, p.Flaws, p.End})
				}
				assert.Equal(t, flaws, r.Flaws())
			}
		})
	}
}

// A fault of the source ends the reading.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	body := "--b\r\n\r\none\r\n"
	r := parts.NewReader(io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)),
		[]parts.Field{{Name: "Content-Type", Value: "multipart/mixed; boundary=b"}}, parts.Limits{})
	for range 2 {
		_, err := r.Next()
		require.NoError(t, err)
	}
	text, err := io.ReadAll(r)
	require.ErrorIs(t, err, broken)
	assert.Equal(t, "one", string(text))
	_, err = r.Next()
	assert.ErrorIs(t, err, broken)
}

// The error of a handler ends the walk, and is returned until the next message.
func TestHandlerFails(t *testing.T) {
	t.Parallel()
	header, body := divide(structureTests()["nested"].message)
	stop := errors.New("stop")
	for name, handler := range map[string]parts.Handler{
		"begin":   {Begin: func(p *parts.Part) error { return failAt(p, "1.2", stop) }},
		"content": {Content: func(p *parts.Part, _ []byte) error { return failAt(p, "1.2", stop) }},
		"end":     {End: func(p *parts.Part) error { return failAt(p, "1.2", stop) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := parts.NewWalker(parts.Limits{}, handler)
			for range 2 {
				w.Start()
				for _, f := range fieldsOf(header) {
					w.AddField(f.Name, f.Value)
				}
				_, err := w.Write([]byte(body))
				require.ErrorIs(t, err, stop)
				n, err := w.Write([]byte(body))
				require.ErrorIs(t, err, stop)
				assert.Zero(t, n)
				assert.ErrorIs(t, w.Close(), stop)
			}
		})
	}
}

func failAt(p *parts.Part, path string, err error) error {
	if p.Path() == path {
		return err
	}
	return nil
}

// A walker that was not started, or was closed, takes nothing.
func TestWriteWithoutStart(t *testing.T) {
	t.Parallel()
	w := parts.NewWalker(parts.Limits{}, parts.Handler{})
	_, err := w.Write([]byte("x"))
	require.EqualError(t, err, "parts: Write without Start")
	require.NoError(t, w.Close())
	w.Start()
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	_, err = w.Write([]byte("x"))
	require.Error(t, err)
}

// TestTakeOut takes each part out of each message by its offsets. The other parts stay
// as they are.
func TestTakeOut(t *testing.T) {
	t.Parallel()
	for name, message := range corpus() {
		list, flaws := walk(t, parts.Limits{}, message)
		if flaws.Unreadable() {
			continue
		}
		header, body := divide(message)
		for i, p := range list {
			if p.delimiter == p.header || p.next == int64(len(body)) {
				continue // nothing divides it from what is before it, or behind it
			}
			c := newCollector(parts.Limits{})
			c.start(header)
			write(t, c, body[:p.delimiter]+body[p.next:])
			var left []string
			for _, other := range list {
				if other != p && !strings.HasPrefix(other.path, p.path+".") {
					left = append(left, other.kind+other.text)
				}
			}
			var got []string
			for _, other := range c.finish(t) {
				got = append(got, other.kind+other.text)
			}
			assert.Equal(t, left, got, "%s: part %d", name, i)
		}
	}
}

// FuzzWalker checks that a walker tells places that fit to each other and to the body,
// the same however the body is cut, and the same as a reader.
func FuzzWalker(f *testing.F) {
	for _, message := range corpus() {
		header, body := divide(message)
		f.Add(header, []byte(body), uint16(len(body)/2))
	}
	f.Fuzz(func(t *testing.T, header string, body []byte, cut uint16) {
		for _, limits := range []parts.Limits{{}, small()} {
			c := newCollector(limits)
			c.start(header)
			write(t, c, string(body))
			want := c.finish(t)
			flaws := c.Flaws()
			checkPlaces(t, string(body), want)
			_ = flaws.String()
			c.start(header)
			step := int(cut)%32 + 1
			for at := 0; at < len(body); at += step {
				write(t, c, string(body[at:min(at+step, len(body))]))
				c.settled = c.Settled()
			}
			require.Equal(t, want, c.finish(t))
			require.Equal(t, flaws, c.Flaws())
			r := parts.NewReader(bytes.NewReader(body), fieldsOf(header), limits)
			for _, p := range want {
				got, err := r.Next()
				require.NoError(t, err)
				require.Equal(t, p.path, got.Path())
				text, err := io.ReadAll(r)
				require.NoError(t, err)
				require.Equal(t, p.text, string(text))
			}
		}
	})
}
