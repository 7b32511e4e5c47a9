package miltertest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Logs holds log records in the order in which they were written. The
// attributes of a record include those that Logger.With added.
type Logs []slog.Record

// Find returns the first record with the given message, and whether there is
// one.
func (l Logs) Find(message string) (slog.Record, bool) {
	i := slices.IndexFunc(l, func(r slog.Record) bool { return r.Message == message })
	if i < 0 {
		return slog.Record{}, false
	}
	return l[i], true
}

// String returns one line per record: level, message and attributes.
func (l Logs) String() string {
	var b strings.Builder
	for _, r := range l {
		fmt.Fprintf(&b, "%v %s", r.Level, r.Message)
		r.Attrs(func(a slog.Attr) bool {
			if !a.Equal(slog.Attr{}) { // which a slog.Handler ignores
				fmt.Fprintf(&b, " %v", a)
			}
			return true
		})
		b.WriteByte('\n')
	}
	return b.String()
}

// LogAttr returns the attribute of a record with the given key, and whether the
// record has one.
func LogAttr(r slog.Record, key string) (value slog.Value, ok bool) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			value, ok = a.Value, true
		}
		return !ok
	})
	return value, ok
}

// journal collects log records. It is safe for concurrent use.
type journal struct {
	mu      sync.Mutex
	records Logs
}

func (j *journal) add(r slog.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, r)
}

// since returns the records after the first n.
func (j *journal) since(n int) Logs {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records[n:])
}

// forget drops the records below a level.
func (j *journal) forget(below slog.Level) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = slices.DeleteFunc(j.records, func(r slog.Record) bool { return r.Level < below })
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.records)
}

// logHandler is a slog.Handler that writes to a journal. wrap adds the
// attributes and groups of With and WithGroup to the attributes of a record. It
// applies the innermost group first.
type logHandler struct {
	journal *journal
	wrap    func([]slog.Attr) []slog.Attr
}

func newLogHandler(j *journal) *logHandler {
	return &logHandler{j, func(attrs []slog.Attr) []slog.Attr { return attrs }}
}

// Enabled implements slog.Handler.
func (*logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	kept := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	kept.AddAttrs(h.wrap(attrs)...)
	h.journal.add(kept)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(with []slog.Attr) slog.Handler {
	return &logHandler{h.journal, func(attrs []slog.Attr) []slog.Attr {
		return h.wrap(slices.Concat(with, attrs))
	}}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.journal, func(attrs []slog.Attr) []slog.Attr {
		return h.wrap([]slog.Attr{slog.GroupAttrs(name, attrs...)})
	}}
}
