//go:build integration

package operations_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// patience is the timeout of every wait for a process.
const patience = 2 * time.Minute

// build compiles the filter that these tests run as a separate process.
func build(t *testing.T) string {
	t.Helper()
	return testproc.Build(t, "../../examples/fxapp")
}

// process is a filter process.
type process struct{ *testproc.Process }

// launch starts the filter and returns when it serves. If the filter ends,
// launch starts it again, as a service manager does, because the address may
// still be in use.
func launch(t *testing.T, program, address string, socket *os.File, args ...string) process {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if p := spawn(t, program, address, socket, args); p.Logs("msg=serving") {
			return p
		}
	}
	require.FailNow(t, "no filter would start")
	return process{}
}

// spawn starts the filter once. It passes a socket as systemd does, by way of a
// shell, because only the shell knows the process ID that the filter will have.
func spawn(t *testing.T, program, address string, socket *os.File, args []string) process {
	t.Helper()
	args = append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, program, "-listen", address}, args...)
	cmd := exec.CommandContext(t.Context(), "sh", args...)
	cmd.WaitDelay = patience // processes that took over keep the log open
	if socket != nil {
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=milter")
		cmd.ExtraFiles = []*os.File{socket}
	}
	return process{testproc.Start(t, cmd)}
}

// kill kills the filter.
func (p process) kill(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	_ = p.Wait(t) // it was killed
}

// terminate tells the filter to drain.
func (p process) terminate(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
}

// drained waits for the end of the process, which must be without an error.
func (p process) drained(t *testing.T) {
	t.Helper()
	assert.NoError(t, p.Wait(t), p.Stderr.String())
}
