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

// patience bounds every wait for what a process does.
const patience = 30 * time.Second

// build compiles the filter that these tests run as a process of its own.
func build(t *testing.T) string {
	t.Helper()
	return testproc.Build(t, "../../examples/fxapp")
}

// process is a filter that serves, or served.
type process struct{ *testproc.Process }

// launch starts the filter, and returns when it serves. As a service manager
// does, it starts it again when it has ended: the address may not be free yet.
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

// spawn starts the filter once. A socket is passed as systemd does: only a
// shell knows the number of the process that it becomes.
func spawn(t *testing.T, program, address string, socket *os.File, args []string) process {
	t.Helper()
	args = append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, program, "-listen", address}, args...)
	cmd := exec.CommandContext(t.Context(), "sh", args...)
	if socket != nil {
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=milter")
		cmd.ExtraFiles = []*os.File{socket}
	}
	return process{testproc.Start(t, cmd)}
}

// kill ends the filter at once.
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

// drained waits for the end, which must be a good one.
func (p process) drained(t *testing.T) {
	t.Helper()
	assert.NoError(t, p.Wait(t), p.Stderr.String())
}
