package parts_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/race"
	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// largeSize returns the size of the messages that must not be kept in memory.
func largeSize() int64 {
	switch {
	case *gigabyte:
		return 1 << 30
	case race.Enabled:
		return 8 << 20 // each step takes longer
	}
	return 32 << 20
}

// heapMeter measures the heap now and then, while it is written to.
type heapMeter struct {
	written, next int64
	first, most   uint64
	last          []byte
}

func (h *heapMeter) Write(p []byte) (int, error) {
	if h.written >= h.next {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if h.first == 0 {
			h.first = m.HeapAlloc
		}
		h.most = max(h.most, m.HeapAlloc)
		h.next = h.written + largeSize()/32
	}
	h.written += int64(len(p))
	h.last = append(h.last[:0], p[max(0, len(p)-100):]...)
	return len(p), nil
}

// TestEditMemory removes, replaces and transforms each part of a stream of nested parts, and
// adds others. The memory in use does not grow with it.
func TestEditMemory(t *testing.T) { //nolint:paralleltest // it measures the heap
	source, w := io.Pipe()
	written := make(chan [2]int64, 1)
	go func() {
		n, leaves, err := nestedBody(w, largeSize())
		_ = w.CloseWithError(err)
		written <- [2]int64{n, leaves}
	}()
	decided := int64(0)
	e, err := edit.New(source, []parts.Field{{Name: "Content-Type", Value: "multipart/mixed; boundary=b"}}, edit.Config{
		Limits: parts.Limits{Parts: 1 << 30}, Allow: edit.InMessages,
		Decide: func(p *parts.Part) (edit.Change, error) {
			if p.Type != "image/png" {
				return edit.Change{}, nil
			}
			decided++
			switch decided % 4 {
			case 0:
				return edit.Change{Remove: true}, nil
			case 1:
				return edit.Change{Replace: &edit.Part{Text: "gone"}}, nil
			case 2:
				return edit.Change{Transform: func(old io.Reader) io.Reader {
					return edit.Encode("base64", edit.Decode("base64", old))
				}}, nil
			}
			return edit.Change{Before: []*edit.Part{{Text: "more"}}}, nil
		},
	})
	require.NoError(t, err)
	var meter heapMeter
	n, err := io.Copy(&meter, e)
	require.NoError(t, err)
	from := <-written
	assert.Equal(t, from[1], decided)
	grown := int64(meter.most) - int64(meter.first)
	t.Logf("%d MiB became %d MiB, %d leaves; the heap grew by %d KiB", from[0]>>20, n>>20, decided, grown>>10)
	assert.Less(t, grown, int64(1<<20))
	assert.Greater(t, n, from[0]/3)
	assert.True(t, bytes.HasSuffix(meter.last, []byte("--b--\r\n")), "%q", meter.last)
}

// TestEditOnePart replaces the content of one large part by as much.
func TestEditOnePart(t *testing.T) { //nolint:paralleltest // it measures the heap
	line := strings.Repeat("QUJD", 19) + "\r\n"
	block := strings.Repeat(line, 1000)
	times := int(largeSize()) / len(block)
	readers := []io.Reader{strings.NewReader("--b\r\nContent-Type: x/y\r\n\r\n")}
	for range times {
		readers = append(readers, strings.NewReader(block))
	}
	readers = append(readers, strings.NewReader("\r\n--b--\r\n"))
	e, err := edit.New(io.MultiReader(readers...), []parts.Field{{Name: "Content-Type", Value: "multipart/mixed; boundary=b"}}, edit.Config{
		Decide: func(p *parts.Part) (edit.Change, error) {
			if p.Parent == nil {
				return edit.Change{}, nil
			}
			return edit.Change{Transform: func(old io.Reader) io.Reader { return edit.Decode("base64", old) }}, nil
		},
	})
	require.NoError(t, err)
	var meter heapMeter
	n, err := io.Copy(&meter, e)
	require.NoError(t, err)
	want := len("--b\r\nContent-Type: x/y\r\n\r\n\r\n--b--\r\n") + times*1000*57
	assert.Equal(t, int64(want), n)
	assert.Less(t, int64(meter.most)-int64(meter.first), int64(1<<20))
}

// TestEditLongHeader edits nothing in a message whose part has a header without end. It
// passes, but the part cannot be changed.
func TestEditLongHeader(t *testing.T) {
	t.Parallel()
	body := "--b\r\n" + strings.Repeat("X: y\r\n", 100_000) + "\r\nz\r\n--b--\r\n"
	for _, change := range []edit.Change{{}, {Remove: true}, {Fields: []parts.Field{{Name: "X"}}}} {
		e, err := edit.New(strings.NewReader(body), []parts.Field{{Name: "Content-Type", Value: "multipart/mixed; boundary=b"}}, edit.Config{
			Allow: edit.Unreadable,
			Decide: func(p *parts.Part) (edit.Change, error) {
				if p.Parent == nil {
					return edit.Change{}, nil
				}
				return change, nil
			},
		})
		require.NoError(t, err)
		got, err := io.ReadAll(e)
		if fmt.Sprint(change) != fmt.Sprint(edit.Change{}) {
			require.ErrorIs(t, err, edit.ErrUnreadable)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, body, string(got))
	}
}

// TestEditHostileCosts edits bodies that are so large that an editor whose work grows with
// the square of their size would exceed the time of the test.
func TestEditHostileCosts(t *testing.T) {
	t.Parallel()
	size := 2 << 20
	if race.Enabled {
		size = 256 << 10
	}
	for name, c := range hostileBodies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := edit.New(strings.NewReader(c.body(size)), []parts.Field{{Name: "Content-Type", Value: c.header}}, edit.Config{
				Limits: parts.Limits{Parts: 1 << 30, Header: 1 << 30}, Allow: allowAll,
				Decide: func(p *parts.Part) (edit.Change, error) {
					if p.Parent == nil || !p.Parent.IsMultipart() || p.Number%2 == 0 {
						return edit.Change{}, nil
					}
					return edit.Change{Remove: true}, nil
				},
			})
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, e)
			require.NoError(t, err)
		})
	}
}
