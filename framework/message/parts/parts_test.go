package parts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// told is what a walker says about a part.
type told struct {
	path, kind, disposition, encoding string
	names, uuencoded                  []string
	flaws                             parts.Flaws
	delimiter, header, content        int64
	end, next, closing                int64
	text                              string // the content that was shown
}

// collector collects what a walker says.
type collector struct {
	*parts.Walker
	list  []*told
	parts []*parts.Part // in the order of their beginnings
	text  map[*parts.Part]*strings.Builder

	settled int64 // no offset that is told is smaller
}

func newCollector(limits parts.Limits) *collector {
	c := &collector{}
	c.Walker = parts.NewWalker(limits, parts.Handler{
		Begin: func(p *parts.Part) error {
			c.parts = append(c.parts, p)
			c.text[p] = &strings.Builder{}
			return c.tell(p.Delimiter, p)
		},
		Content: func(p *parts.Part, piece []byte) error {
			c.text[p].Write(piece)
			return nil
		},
		Closing: func(p *parts.Part) error { return c.tell(p.Closing, p) },
		End: func(p *parts.Part) error {
			_ = c.tell(p.Next, p)
			return c.tell(p.End, p)
		},
	})
	return c
}

// tell returns an error if an offset is told that was settled before.
func (c *collector) tell(at int64, p *parts.Part) error {
	if at < c.settled {
		return fmt.Errorf("part %q tells %d, but %d was settled", p.Path(), at, c.settled)
	}
	return nil
}

// start begins a message whose header is given as text.
func (c *collector) start(header string) {
	c.list, c.parts, c.text = nil, nil, make(map[*parts.Part]*strings.Builder)
	c.settled = 0
	c.Start()
	for _, f := range fieldsOf(header) {
		c.AddField(f.Name, f.Value)
	}
}

// fieldsOf divides a header into its fields.
func fieldsOf(header string) (fields []parts.Field) {
	header = strings.ReplaceAll(strings.ReplaceAll(header, "\r\n", "\n"), "\n ", "\x01 ")
	header = strings.ReplaceAll(header, "\n\t", "\x01\t")
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		fields = append(fields, parts.Field{Name: name, Value: strings.ReplaceAll(value, "\x01", "\r\n")})
	}
	return fields
}

// finish ends the message and returns what was said.
func (c *collector) finish(t testing.TB) []*told {
	t.Helper()
	require.NoError(t, c.Close())
	for _, p := range c.parts {
		c.list = append(c.list, &told{
			p.Path(), p.Type, p.Disposition, p.Encoding, p.Names, p.Uuencoded, p.Flaws,
			p.Delimiter, p.Header, p.Content, p.End, p.Next, p.Closing, c.text[p].String(),
		})
	}
	return c.list
}

// divide divides a message into header and body. The lines of the body end with CRLF.
func divide(message string) (header, body string) {
	message = strings.ReplaceAll(strings.ReplaceAll(message, "\r\n", "\n"), "\n", "\r\n")
	if strings.HasPrefix(message, "\r\n") {
		return "", message[2:]
	}
	header, body, _ = strings.Cut(message, "\r\n\r\n")
	return header + "\r\n", body
}

// walk walks over a message in one piece.
func walk(t testing.TB, limits parts.Limits, message string) (list []*told, flaws parts.Flaws) {
	t.Helper()
	header, body := divide(message)
	c := newCollector(limits)
	c.start(header)
	n, err := c.Write([]byte(body))
	require.NoError(t, err)
	require.Equal(t, len(body), n)
	return c.finish(t), c.Flaws()
}

// outline shows the parts in one line each: path, type, names, flaws.
func outline(list []*told) string {
	var b strings.Builder
	for _, p := range list {
		_, _ = fmt.Fprintf(&b, "%s %s", strings.TrimSpace(p.path), p.kind)
		if p.disposition != "" {
			_, _ = fmt.Fprintf(&b, " %s", p.disposition)
		}
		for _, name := range append(p.names, p.uuencoded...) {
			_, _ = fmt.Fprintf(&b, " %q", name)
		}
		if p.flaws != 0 {
			_, _ = fmt.Fprintf(&b, " [%v]", p.flaws)
		}
		_ = b.WriteByte('\n')
	}
	return b.String()
}

// checkPlaces checks that the offsets of parts fit to each other and to the body.
func checkPlaces(t testing.TB, body string, list []*told) {
	t.Helper()
	for _, p := range list {
		size := int64(len(body))
		require.True(t, 0 <= p.delimiter && p.delimiter <= p.header && p.header <= p.content && p.content <= p.end &&
			p.end <= size && p.next <= size && p.end <= max(p.next, p.content), "%+v", p)
		if p.delimiter < p.header {
			assert.True(t, strings.HasPrefix(body[p.delimiter:], "--"), "%+v", p)
			if p.header < size {
				assert.Equal(t, byte(0x0a), body[p.header-1])
			}
		}
		if p.text != "" {
			assert.Equal(t, body[p.content:p.end], p.text)
		}
		if p.closing < size && strings.HasPrefix(p.kind, "multipart/") && p.closing > 0 {
			assert.True(t, p.content <= p.closing && strings.HasPrefix(body[p.closing:], "--"), "%+v", p)
		}
		if p.next < size {
			assert.True(t, strings.HasPrefix(body[p.next:], "--"), "%+v", p)
		}
	}
}
