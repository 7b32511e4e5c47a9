package main_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	main "github.com/sluicemail/sluice/examples/headerd"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// deliver sends a message and returns the text of the message after the edits.
func deliver(t *testing.T, address string) string {
	t.Helper()
	conn, err := mta.Dial(t.Context(), address, mta.Config{})
	require.NoError(t, err)
	outcome, err := conn.Send(t.Context(), &mta.Message{Body: []byte("hello\r\n")})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	require.NotNil(t, outcome.Edited)
	return string(outcome.Edited.Bytes())
}

const addY = "rules: [{do: [{add: {name: Y, value: '2'}}]}]\n"

// TestHangup reloads the file with SIGHUP while an MTA is connected.
func TestHangup(t *testing.T) { //nolint:paralleltest // signals are the whole process's
	file, socket := write(t, addX), filepath.Join(t.TempDir(), "x.sock")
	stderr, ended := new(testproc.Buffer), make(chan int, 1)
	go func() { ended <- main.Run([]string{"-config", file, "-listen", "unix:" + socket}, io.Discard, stderr) }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	hangUp := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	}

	assert.Contains(t, deliver(t, "unix:"+socket), "X: 1\r\n")
	hangUp(addY)
	stderr.Await(t, `msg="configuration reloaded"`, 1)
	got := deliver(t, "unix:"+socket)
	assert.Contains(t, got, "Y: 2\r\n")
	assert.NotContains(t, got, "X: 1\r\n")

	hangUp("rules: [{do: [{add: {name: 'Z z', value: '3'}}]}]\n")
	stderr.Await(t, `msg="configuration not reloaded: the old rules stay in force"`, 1)
	assert.Contains(t, stderr.String(), ":1:28: rule 1: Add: Name:")
	hangUp("rules: [{do: [{delete: A}]}]\n")
	stderr.Await(t, `msg="configuration not reloaded: the new rules need a restart"`, 1)
	assert.Contains(t, stderr.String(), `missing="[the header permission to change fields]"`)
	assert.Contains(t, deliver(t, "unix:"+socket), "Y: 2\r\n")

	idle, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	stderr.Await(t, "msg=draining", 1)
	hangUp(addX) // the signal must not end the process, which is the test
	require.NoError(t, idle.Quit(t.Context()))
	assert.Zero(t, <-ended)
	assert.NoFileExists(t, socket)
}

func TestReloadOfAFileThatIsGone(t *testing.T) {
	t.Parallel()
	file := write(t, addX)
	rules, err := main.NewRules(main.Settings{Config: file})
	require.NoError(t, err)
	f, err := main.NewFilter(rules)
	require.NoError(t, err)
	require.NoError(t, os.Remove(file))
	var log bytes.Buffer
	main.Reload(file, "", f, slog.New(slog.NewTextHandler(&log, nil)))
	assert.Contains(t, log.String(), `msg="configuration not reloaded: the old rules stay in force"`)
	assert.Contains(t, log.String(), "no such file")
	assert.Equal(t, 1, f.Rules())
}

// TestBadReloadsUnderLoad shows that the old rules apply to every message while
// files that cannot be applied are reloaded again and again.
func TestBadReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	rules, err := main.NewRules(main.Settings{Config: write(t, addX)})
	require.NoError(t, err)
	f, err := main.NewFilter(rules)
	require.NoError(t, err)
	srv := miltertest.NewServer(t, f)
	files := []string{"", "rules: [", "rules: []\nrules: []\n", "rules: [{do: [{delete: X}]}]\n", "metrics: 127.0.0.1:1\n" + addX, addY + "---\n" + addY, "\x00"}
	for i, text := range files {
		files[i] = write(t, text)
	}
	var clients sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		conn := srv.Dial(t)
		clients.Go(func() {
			for range 100 {
				outcome, err := conn.Send(t.Context(), miltertest.Message("A: 1\n\nbody\n"))
				if assert.NoError(t, err) {
					assert.Contains(t, string(outcome.Edited.Bytes()), "A: 1\r\nX: 1\r\n\r\n")
				}
			}
		})
	}
	go func() { clients.Wait(); close(done) }()
	var log bytes.Buffer
	for reloads := 0; ; reloads++ {
		main.Reload(files[reloads%len(files)], "", f, slog.New(slog.NewTextHandler(&log, nil)))
		select {
		case <-done:
			assert.Equal(t, reloads+1, strings.Count(log.String(), `msg="configuration not reloaded:`), log.String())
			assert.Equal(t, 1, f.Rules())
			return
		default:
		}
	}
}

func TestReloadWithOtherMetrics(t *testing.T) {
	t.Parallel()
	f, err := main.NewFilter(headers.Config{})
	require.NoError(t, err)
	var log bytes.Buffer
	main.Reload(write(t, "metrics: 127.0.0.1:9090\n"+addX), "127.0.0.1:9091", f, slog.New(slog.NewTextHandler(&log, nil)))
	assert.Contains(t, log.String(), "a new address for the metrics needs a restart")
	assert.Zero(t, f.Rules())
}
