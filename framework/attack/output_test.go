//go:build integration

package attack_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

// faultMarks are texts that a program prints only if it has a fault. The scripts
// contain none of them.
var faultMarks = [...]string{"panic", "fatal error", "DATA RACE", "session failed", "runtime error"}

// kept is how much of the output is kept, in bytes.
const kept = 32 << 10

// output takes what a program prints, which may be a lot. It keeps the end, and
// what follows the first marks of faults. Its zero value is empty.
type output struct {
	mu     sync.Mutex
	end    []byte
	total  int
	whole  bool // from now on keep all of it
	faults []string
	follow int // bytes that still belong to the last fault
}

// Write implements [io.Writer]. It never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += len(p)
	switch {
	case o.whole:
	case o.follow > 0:
		n := min(o.follow, len(p))
		o.faults[len(o.faults)-1] += string(p[:n])
		o.follow -= n
	default:
		o.search(p)
	}
	o.end = append(o.end, p...)
	if cut := len(o.end) - kept; cut > kept && !o.whole {
		o.end = append(o.end[:0], o.end[cut:]...)
	}
	return len(p), nil
}

// search looks for a mark of a fault that ends in p.
func (o *output) search(p []byte) {
	const (
		maxMark = 16 // more than the length of a mark
		around  = 4000
	)
	if len(o.faults) == maxFaults {
		return
	}
	text := slices.Concat(o.end[max(0, len(o.end)-maxMark):], p)
	before := len(text) - len(p)
	for _, mark := range faultMarks {
		from := max(0, before-len(mark)+1)
		if at := bytes.Index(text[from:], []byte(mark)); at >= 0 {
			at += from
			o.faults = append(o.faults, string(text[max(0, at-around/10):min(len(text), at+around)]))
			o.follow = max(0, at+around-len(text))
			return
		}
	}
}

// keep makes the output keep all that follows.
func (o *output) keep() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end, o.whole = nil, true
}

// String returns what was kept.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.end)
}

// found returns the places that have a mark of a fault, and how much was printed.
func (o *output) found() (faults []string, printed string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.faults, fmt.Sprintf("%.1f MB", float64(o.total)/1e6)
}
