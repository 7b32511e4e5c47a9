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

// line is a filter and its successors. They share one log. A file holds the ID
// of the serving process.
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

// serving returns the ID of the serving process, or 0 if there is none.
func (l *line) serving() int {
	text, err := os.ReadFile(l.file)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(string(text))
	return n
}

// signal sends a signal to the serving process. It ignores process IDs below 1,
// which would mean several processes.
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

// succeed makes the serving process hand over to another one.
func (l *line) succeed(t *testing.T) {
	t.Helper()
	old := l.serving()
	require.NoError(t, l.signal(syscall.SIGUSR2))
	l.until(t, func() bool { return l.serving() != old })
}

// end stops the serving process and waits for all processes.
func (l *line) end(t *testing.T) {
	t.Helper()
	require.NoError(t, l.signal(syscall.SIGTERM))
	l.over = true
	l.first.drained(t) // which is when all have closed the log
	assert.NotContains(t, l.first.Stderr.String(), "level=ERROR")
}
