package framework_test

import (
	"fmt"
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
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
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

// messageBegun is what that process writes when its filter has seen MAIL.
const messageBegun = "a message has begun"

func TestRunChild(t *testing.T) { //nolint:paralleltest // another process of its own
	path := os.Getenv(runChild)
	if path == "" {
		return
	}
	r := framework.NewRouter()
	r.ObserveMail(func(*framework.Session, *framework.Mail) error {
		_, err := fmt.Fprintln(os.Stderr, messageBegun)
		return err
	})
	require.NoError(t, framework.Run("unix:"+path, r))
}

// startRun starts a process that serves a filter, and returns the path of its
// socket when the process serves.
func startRun(t *testing.T) (path string, p *testproc.Process) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "x.sock")
	cmd := exec.Command(exe, "-test.run", "^TestRunChild$", "-test.timeout", "10m")
	cmd.Env = append(os.Environ(), runChild+"="+path)
	p = testproc.Start(t, cmd)
	p.Await(t, "\n")
	first, _, _ := strings.Cut(p.Stderr.String(), "\n")
	require.Contains(t, first, "serving")
	return path, p
}

func TestRunDrains(t *testing.T) {
	t.Parallel()
	path, p := startRun(t)
	conn, err := mta.Dial(t.Context(), "unix:"+path, mta.Config{})
	require.NoError(t, err)
	_, err = conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	p.Await(t, messageBegun)

	p.Signal(t, syscall.SIGHUP)
	p.Await(t, "SIGHUP ignored: no configuration")
	p.Signal(t, syscall.SIGTERM)
	assert.Eventually(t, func() bool {
		c, err := net.Dial("unix", path)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, time.Minute, 10*time.Millisecond, "no new sessions")

	response, _, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err, "the message in flight finishes")
	assert.False(t, response.Refuses())
	require.NoError(t, conn.Quit(t.Context()))
	require.NoError(t, p.Wait(t))
	text := p.Stderr.String()
	assert.Contains(t, text, "draining")
	assert.NoFileExists(t, path)
}

func TestRunSecondSignalCloses(t *testing.T) {
	t.Parallel()
	path, p := startRun(t)
	conn, err := mta.Dial(t.Context(), "unix:"+path, mta.Config{})
	require.NoError(t, err)
	_, err = conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	p.Await(t, messageBegun)

	p.Signal(t, syscall.SIGTERM)
	p.Await(t, "draining")
	p.Signal(t, os.Interrupt)
	require.NoError(t, p.Wait(t), "the process ends by itself, with the message still open")
	assert.Equal(t, 1, p.Stderr.Count("draining"))
	_, _, err = conn.EndOfMessage(t.Context(), nil)
	assert.Error(t, err)
}
