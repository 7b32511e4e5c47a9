package testproc

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"
)

// Line is one line of a log that is written as JSON.
type Line map[string]any

// Str returns a field that is text, or "" if there is no such field.
func (l Line) Str(name string) string {
	s, _ := l[name].(string)
	return s
}

// Message returns a function that reports whether a line has the message.
func Message(message string) func(Line) bool {
	return func(l Line) bool { return l.Str("msg") == message }
}

// Log keeps a log that is written as JSON, as [log/slog.JSONHandler] writes it. It
// is safe for concurrent use, and its zero value is empty.
type Log struct {
	mu    sync.Mutex
	rest  []byte // the beginning of a line
	lines []Line
	junk  []string
	next  int // the line that Next looks at first
}

// Write implements [io.Writer]. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		text, rest, whole := bytes.Cut(l.rest, []byte{'\n'})
		if !whole {
			return len(p), nil
		}
		var line Line
		if json.Unmarshal(text, &line) == nil {
			l.lines = append(l.lines, line)
		} else {
			l.junk = append(l.junk, string(text))
		}
		l.rest = rest
	}
}

// Lines returns the lines so far for which match returns true.
func (l *Log) Lines(match func(Line) bool) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Line
	for _, line := range l.lines {
		if match(line) {
			found = append(found, line)
		}
	}
	return found
}

// Junk returns the lines so far that are not JSON objects.
func (l *Log) Junk() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.junk)
}

// Await waits for the first line for which match returns true. The test fails
// after [Patience].
func (l *Log) Await(t testing.TB, match func(Line) bool) Line {
	t.Helper()
	return l.await(t, func() (Line, bool) {
		if found := l.Lines(match); len(found) > 0 {
			return found[0], true
		}
		return nil, false
	})
}

// Next waits for a line with the message. It ignores lines up to the one that the
// previous call of Next returned. The test fails after [Patience].
func (l *Log) Next(t testing.TB, message string) Line {
	t.Helper()
	return l.await(t, func() (Line, bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for l.next < len(l.lines) {
			line := l.lines[l.next]
			l.next++
			if line.Str("msg") == message {
				return line, true
			}
		}
		return nil, false
	})
}

func (l *Log) await(t testing.TB, find func() (Line, bool)) Line {
	t.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(tick) {
		if line, ok := find(); ok {
			return line
		}
		if time.Now().After(end) {
			t.Fatalf("testproc: no such line in the log, of %d lines, and junk: %q", len(l.Lines(func(Line) bool { return true })), l.Junk())
		}
	}
}
