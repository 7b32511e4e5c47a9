package parts_test

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/race"
	"github.com/sluicemail/sluice/framework/message/parts"
)

var gigabyte = flag.Bool("gigabyte", false, "walk over 1 GiB of nested parts, and not over 64 MiB")

// nestedBody writes bodies of nested parts: groups of multiparts in multiparts and
// messages, with leaves of some kilobytes, until it has written enough.
func nestedBody(w io.Writer, enough int64) (written, leaves int64, err error) {
	leaf := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 500)
	put := func(text string) {
		if err == nil {
			var n int
			n, err = io.WriteString(w, text)
			written += int64(n)
		}
	}
	for written < enough && err == nil {
		const depth = 14
		for i := range depth {
			outer := "b"
			if i > 0 {
				outer = fmt.Sprintf("level-%02d", i-1)
			}
			put(fmt.Sprintf("--%s\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=\"level-%02d\"\r\n\r\n", outer, i))
		}
		for i := depth - 1; i >= 0; i-- {
			put(fmt.Sprintf("--level-%02d\r\nContent-Type: image/png; name*=utf-8''%d.png\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--level-%02d--\r\n", i, leaves, leaf, i))
			leaves++
		}
	}
	put("--b--\r\n")
	return written, leaves, err
}

// TestMemory walks over a stream of nested parts. The memory in use does not grow
// with it.
func TestMemory(t *testing.T) { //nolint:paralleltest // it measures the heap
	enough := int64(64 << 20)
	if *gigabyte {
		enough = 1 << 30
	}
	var leaves, bytes, seen int64
	var highest uint64
	w := parts.NewWalker(parts.Limits{Parts: 1 << 30}, parts.Handler{
		End: func(p *parts.Part) error {
			if p.Type == "image/png" {
				leaves++
				bytes += p.Size()
			}
			if seen++; seen%500 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				highest = max(highest, m.HeapAlloc)
			}
			return nil
		},
	})
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.Start()
	w.AddField("Content-Type", "multipart/mixed; boundary=b")
	began := time.Now()
	written, want, err := nestedBody(w, enough)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	assert.Equal(t, parts.NoVersion, w.Flaws(), w.Flaws())
	assert.Equal(t, want, leaves)
	assert.Equal(t, want*int64(500*78-2)+want*2, bytes)
	grown := int64(highest) - int64(m.HeapAlloc)
	t.Logf("%d MiB, %d parts in %v; the heap grew by %d KiB", written>>20, seen, time.Since(began), grown>>10)
	assert.Less(t, grown, int64(1<<20))
}

// TestPlainTextAllocatesNothing tests that a walker costs no memory for most messages.
func TestPlainTextAllocatesNothing(t *testing.T) { //nolint:paralleltest // it counts allocations
	body := []byte(strings.Repeat("hello, this is a line of text\r\n", 1000))
	for name, c := range map[string]struct {
		kind string
		want float64
	}{
		"no MIME":    {"", 0},
		"text/plain": {"text/plain; charset=utf-8", 3},
	} {
		w := parts.NewWalker(parts.Limits{}, parts.Handler{
			Begin:   func(*parts.Part) error { return nil },
			Content: func(*parts.Part, []byte) error { return nil },
			End:     func(*parts.Part) error { return nil },
		})
		got := testing.AllocsPerRun(100, func() {
			w.Start()
			w.AddField("Subject", "hello")
			if c.kind != "" {
				w.AddField("MIME-Version", "1.0")
				w.AddField("Content-Type", c.kind)
			}
			for at := 0; at < len(body); at += 1000 {
				_, _ = w.Write(body[at:min(at+1000, len(body))])
			}
			_ = w.Close()
		})
		assert.LessOrEqual(t, got, c.want, name)
	}
}

// hostileBodies returns, for each way to make a walker work, a header and a function
// that makes a body of about n bytes.
func hostileBodies() map[string]struct {
	header string
	body   func(n int) string
} {
	const mixed = "multipart/mixed; boundary=b"
	repeat := func(text string) func(int) string {
		return func(n int) string { return strings.Repeat(text, n/len(text)) }
	}
	part := func(before, text, after string) func(int) string {
		return func(n int) string { return before + strings.Repeat(text, n/len(text)) + after }
	}
	deep := func(text string) func(int) string { // 31 multiparts whose boundaries differ at their ends
		return func(n int) string {
			var b strings.Builder
			outer := "b"
			for i := range 31 {
				inner := strings.Repeat("x", 200) + fmt.Sprint(i)
				_, _ = fmt.Fprintf(&b, "--%s\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n", outer, inner)
				outer = inner
			}
			return b.String() + strings.Repeat(text, n/len(text))
		}
	}
	return map[string]struct {
		header string
		body   func(n int) string
	}{
		"delimiters":               {mixed, repeat("--b\r\n")},
		"hyphens":                  {mixed, repeat("--\r\n")},
		"hyphens in one line":      {mixed, repeat("-")},
		"almost delimiters":        {mixed, repeat("--bx\r\n")},
		"CRs":                      {mixed, repeat("\r")},
		"almost delimiters by CR":  {mixed, repeat("\r--")},
		"CR, hyphens":              {mixed, repeat("\r-------------")},
		"empty lines":              {mixed, repeat("\n")},
		"deep, hyphens":            {mixed, deep("--\r\n")},
		"deep, almost delimiters":  {mixed, deep("--" + strings.Repeat("x", 200) + "\r\n")},
		"deep, CR":                 {mixed, deep("\r--" + strings.Repeat("x", 200))},
		"headers":                  {mixed, part("--b\r\n", "a:b\r\n", "")},
		"header of one line":       {mixed, part("--b\r\nContent-Type: x/y; ", "name=a;", "\r\n\r\n")},
		"header of comments":       {mixed, part("--b\r\nContent-Type: x/y; ", "(", "\r\n\r\n")},
		"header of quotes":         {mixed, part("--b\r\nContent-Type: x/y; ", `name="\";`, "\r\n\r\n")},
		"header of pieces":         {mixed, part("--b\r\nContent-Type: x/y; ", "name*1*=%41;", "\r\n\r\n")},
		"header of words":          {mixed, part("--b\r\nContent-Type: x/y; name=\"", "=?utf-8?q?a?=", "\"\r\n\r\n")},
		"header of foldings":       {mixed, part("--b\r\nContent-Type: x/y;", "\r\n ", "\r\n\r\n")},
		"many headers of names":    {mixed, repeat("--b\r\nContent-Type: x/y; " + strings.Repeat("name=a;", 50) + "\r\n\r\n")},
		"header of types":          {mixed, part("--b\r\n", "Content-Type: x/y; z=1\r\nContent-Type: x/y; z=2\r\n", "\r\n")},
		"header of dispositions":   {mixed, part("--b\r\n", "Content-Disposition: x; filename=a\r\n", "\r\n")},
		"header of boundaries":     {mixed, part("--b\r\nContent-Type: multipart/x", "; boundary=a; boundary=b", "\r\n\r\n")},
		"uuencoded":                {"text/plain", repeat("begin 644 a\r\n")},
		"begin":                    {"text/plain", repeat("begin\r\n")},
		"messages":                 {"message/rfc822", repeat("Content-Type: message/rfc822\r\n\r\n")},
		"white space in delimiter": {mixed, part("--b", " ", "\r\n")},
	}
}

// TestHostileCosts walks over bodies that are so large that a walker whose work grows
// with the square of their size would take many minutes, and exceed the time of the
// test. One whose work is linear takes a fraction of a second. No time is compared.
func TestHostileCosts(t *testing.T) {
	t.Parallel()
	size := 8 << 20
	if race.Enabled {
		size = 1 << 20 // each step takes longer
	}
	for name, c := range hostileBodies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := parts.NewWalker(parts.Limits{Parts: 1 << 30, Header: 1 << 30}, parts.Handler{})
			w.Start()
			w.AddField("Content-Type", c.header)
			_, err := io.WriteString(w, c.body(size))
			require.NoError(t, err)
			require.NoError(t, w.Close())
		})
	}
}
