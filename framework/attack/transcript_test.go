//go:build integration

package attack_test

import (
	"fmt"
	"strings"
	"sync"
)

// transcript is what was sent and received, in hexadecimal. A nil transcript
// keeps nothing.
type transcript struct {
	mu    sync.Mutex
	lines strings.Builder
}

// longest is the number of bytes of one piece that a transcript shows.
const longest = 4096

func (t *transcript) add(direction string, p []byte) {
	if t == nil || len(p) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(&t.lines, "%s %d bytes %x\n", direction, len(p), p[:min(len(p), longest)])
}

// String returns the lines so far.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lines.String()
}
