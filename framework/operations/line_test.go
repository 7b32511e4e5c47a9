//go:build integration

package operations_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// line is a filter and its successors, which have one log. The process that
// serves is told by a file.
type line struct {
	first process
	file  string
	over  bool
}

// newLine starts a filter that can hand over.
func newLine(t *testing.T, program, address string) *line {
	t.Helper()
	l := &line{file: filepath.Join(t.TempDir(), "pid")}
	l.first = launch(t, program, address, nil, "-handover", l.file)
	l.until(t, func() bool { return l.serving() == l.first.PID() })
	t.Cleanup(func() {
		if !l.over {
			_ = l.signal(syscall.SIGKILL)
		}
	})
	return l
}

// serving returns the process that serves, or 0 if there is none.
func (l *line) serving() int {
	text, err := os.ReadFile(l.file)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(string(text))
	return n
}

// signal signals the process that serves. Numbers below 1 mean many processes.
func (l *line) signal(sig syscall.Signal) error {
	n := l.serving()
	if n < 1 {
		return syscall.ESRCH
	}
	return syscall.Kill(n, sig)
}

func (*line) until(t *testing.T, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 2*patience, time.Millisecond, "the processes do not do what they are told")
}

// succeed has the process that serves hand over to another.
func (l *line) succeed(t *testing.T) {
	t.Helper()
	old := l.serving()
	require.NoError(t, l.signal(syscall.SIGUSR2))
	l.until(t, func() bool { return l.serving() != old })
}

// end stops the process that serves, and waits for all.
func (l *line) end(t *testing.T) {
	t.Helper()
	require.NoError(t, l.signal(syscall.SIGTERM))
	l.over = true
	l.first.drained(t) // which is when all have closed the log
	assert.NotContains(t, l.first.Stderr.String(), "level=ERROR")
}
