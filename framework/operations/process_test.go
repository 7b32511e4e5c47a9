//go:build integration

package operations_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is the timeout of every wait for a process.
const patience = 30 * time.Second

// build compiles the filter that these tests run as a separate process.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "filter")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./examples/fxapp")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// process is a filter process.
type process struct {
	cmd   *exec.Cmd
	log   *logs
	ended chan struct{}
}

// launch starts the filter and returns when it serves. If the filter ends,
// launch starts it again, as a service manager does, because the address may
// still be in use.
func launch(t *testing.T, program, address string, socket *os.File, args ...string) *process {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if p := spawn(t, program, address, socket, args); p.serves() {
			return p
		}
	}
	require.Fail(t, "no filter would start")
	return nil
}

// spawn starts the filter once. It passes a socket as systemd does, by way of a
// shell, because only the shell knows the process ID that the filter will have.
func spawn(t *testing.T, program, address string, socket *os.File, args []string) *process {
	t.Helper()
	p := &process{log: new(logs), ended: make(chan struct{})}
	args = append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, program, "-listen", address}, args...)
	p.cmd = exec.CommandContext(t.Context(), "sh", args...)
	p.cmd.Stderr = p.log
	if socket != nil {
		p.cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=milter")
		p.cmd.ExtraFiles = []*os.File{socket}
	}
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the state tells
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// serves waits until the filter serves or has ended.
func (p *process) serves() bool {
	for limit := time.After(patience); ; {
		select {
		case <-p.ended:
			return false
		case <-limit:
			return false
		case <-time.After(2 * time.Millisecond):
			if strings.Contains(p.log.String(), "msg=serving") {
				return true
			}
		}
	}
}

// kill kills the filter.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGKILL))
	<-p.ended
}

// terminate tells the filter to drain.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
}

// drained waits for the filter's end and checks that it ended without an error.
func (p *process) drained(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
		assert.Zero(t, p.cmd.ProcessState.ExitCode(), p.log.String())
	case <-time.After(2 * patience):
		require.Fail(t, "the filter does not end", p.log.String())
	}
}

// logs collects log output.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// count returns the number of occurrences of a text.
func (l *logs) count(what string) int { return strings.Count(l.String(), what) }
