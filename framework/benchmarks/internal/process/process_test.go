package process_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/process"
)

// start starts a shell that reads from its input, so that it waits.
func start(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", script+"\nread -r line")
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return cmd
}

// waits reports whether a process sleeps. One that has much to do on a busy machine does not.
func waits(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") S ")
}

// TestCPU compares with what the system reports when the process has ended.
func TestCPU(t *testing.T) {
	t.Parallel()
	cmd := start(t, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
	var last time.Duration
	for {
		sleeps := waits(cmd.Process.Pid)
		cpu, err := process.CPU(cmd.Process.Pid)
		require.NoError(t, err)
		if sleeps && cpu == last && cpu > 20*time.Millisecond {
			break // it waits for its input
		}
		last = cpu
		time.Sleep(50 * time.Millisecond)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, cmd.Wait())
	assert.InDelta(t, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), last, float64(5*time.Millisecond))
}

func TestMemory(t *testing.T) {
	t.Parallel()
	small, large := start(t, ""), start(t, "x=$(head -c 20000000 /dev/zero | tr '\\0' x); unset x")
	require.Eventually(t, func() bool {
		peak, err := process.Peak(large.Process.Pid)
		return err == nil && peak > 20_000_000
	}, time.Minute, 10*time.Millisecond)
	peak, err := process.Peak(small.Process.Pid)
	require.NoError(t, err)
	resident, err := process.Resident(small.Process.Pid)
	require.NoError(t, err)
	assert.Less(t, peak, int64(20_000_000))
	assert.LessOrEqual(t, resident, peak)
	assert.Positive(t, resident)
}

func TestNoSuchProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())
	_, err := process.CPU(cmd.Process.Pid)
	require.ErrorContains(t, err, "read the CPU time")
	_, err = process.Peak(cmd.Process.Pid)
	require.Error(t, err)
}
