package framework_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	wrong := framework.NewRouter()
	wrong.OnHelo(nil)
	path := filepath.Join(t.TempDir(), "x.sock")
	err := framework.Run("unix:"+path, wrong)
	var mistake *framework.RegistrationError
	require.ErrorAs(t, err, &mistake)
	assert.Contains(t, mistake.Where, "run_test.go:")
	assert.NoFileExists(t, path, "a wrong registration never binds")

	err = framework.Run("nowhere", framework.NewRouter())
	require.Error(t, err)
	assert.Contains(t, err.Error(), `"nowhere"`)
}

// runChild is set, to the path of a socket, in the process that TestRunDrains
// sends signals to.
const runChild = "SLUICE_TEST_RUN"

func TestRunChild(t *testing.T) { //nolint:paralleltest // another process of its own
	path := os.Getenv(runChild)
	if path == "" {
		return
	}
	r := framework.NewRouter()
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	require.NoError(t, framework.Run("unix:"+path, r))
}

// startRun starts a process that serves a filter, and returns the path of its
// socket when it is ready. The channel receives the output of the process when
// it ends.
func startRun(t *testing.T) (path string, cmd *exec.Cmd, output <-chan string) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "x.sock")
	cmd = exec.Command(exe, "-test.run", "^TestRunChild$", "-test.timeout", "60s")
	cmd.Env = append(os.Environ(), runChild+"="+path)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewReader(stderr)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, first, "serving")
	all := make(chan string, 1)
	go func() {
		rest, _ := io.ReadAll(lines)
		all <- first + string(rest)
	}()
	return path, cmd, all
}

func TestRunDrains(t *testing.T) {
	t.Parallel()
	path, cmd, output := startRun(t)
	conn, err := mta.Dial(t.Context(), "unix:"+path, mta.Config{})
	require.NoError(t, err)
	_, err = conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	time.Sleep(50 * time.Millisecond) // until the child has read it and the message has begun

	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.Eventually(t, func() bool {
		c, err := net.Dial("unix", path)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "no new sessions")

	response, _, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err, "the message in flight finishes")
	assert.False(t, response.Refuses())
	require.NoError(t, conn.Quit(t.Context()))
	text := <-output
	require.NoError(t, cmd.Wait())
	assert.Contains(t, text, "draining")
	assert.Contains(t, text, "SIGHUP ignored: no configuration")
	assert.NoFileExists(t, path)
}

func TestRunSecondSignalCloses(t *testing.T) {
	t.Parallel()
	path, cmd, output := startRun(t)
	conn, err := mta.Dial(t.Context(), "unix:"+path, mta.Config{})
	require.NoError(t, err)
	_, err = conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	time.Sleep(50 * time.Millisecond)

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	assert.Equal(t, 1, strings.Count(<-output, "draining"))
	require.NoError(t, cmd.Wait(), "the process ends by itself, with the message still open")
	_, _, err = conn.EndOfMessage(t.Context(), nil)
	assert.Error(t, err)
}
