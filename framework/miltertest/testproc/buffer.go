package testproc

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// Buffer keeps the text that is written to it. It is safe for concurrent use, and
// its zero value is empty.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer]. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Count returns how often the text occurs in what was written so far.
func (b *Buffer) Count(text string) int { return strings.Count(b.String(), text) }

// Await waits until the text occurs n times. The test fails after [Patience].
func (b *Buffer) Await(t testing.TB, text string, n int) {
	t.Helper()
	for end := time.Now().Add(Patience); b.Count(text) != n; time.Sleep(tick) {
		if time.Now().After(end) {
			t.Fatalf("testproc: %q is there %d times and not %d\n%s", text, b.Count(text), n, b)
		}
	}
}
