package testproc_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// behaviour is set in the processes that the tests start. It says what they do.
const behaviour = "SLUICE_TEST_TESTPROC"

// TestChild is the program that the tests run.
func TestChild(t *testing.T) { //nolint:paralleltest // another process of its own
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	switch os.Getenv(behaviour) {
	case "serve":
		_, _ = fmt.Fprintln(os.Stderr, "serving with", os.Getenv("GORACE"))
		<-ctx.Done()
		_, _ = fmt.Fprintln(os.Stderr, "draining")
	case "fail":
		_, _ = fmt.Fprintln(os.Stderr, "no such file")
		os.Exit(3)
	}
}

// child returns the command of a process with a given behaviour.
func child(t *testing.T, how string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run", "^TestChild$", "-test.timeout", "10m")
	cmd.Env = append(os.Environ(), behaviour+"="+how)
	return cmd
}

func TestProcess(t *testing.T) {
	t.Parallel()
	p := testproc.Start(t, child(t, "serve"))
	p.Await(t, "serving")
	assert.NoError(t, syscall.Kill(p.PID(), 0), "it is there")
	assert.Equal(t, 1, p.Stderr.Count("serving with atexit_sleep_ms=0"))
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t))
	assert.Contains(t, p.Stderr.String(), "draining\n")
	assert.True(t, p.Logs("draining"), "what it logged before its end")
	assert.False(t, p.Logs("reloaded"))
	p.Kill() // and again at the test's end
}

func TestProcessFails(t *testing.T) {
	t.Parallel()
	own := new(testproc.Buffer)
	cmd := child(t, "fail")
	cmd.Stderr = own
	p := testproc.Start(t, cmd)
	var exit *exec.ExitError
	require.ErrorAs(t, p.Wait(t), &exit)
	assert.Equal(t, 3, exit.ExitCode())
	assert.Equal(t, "no such file\n", own.String())
	assert.Empty(t, p.Stderr.String(), "the command's own is kept")
	assert.False(t, p.Logs("no such file"))
}

func TestProcessIsKilled(t *testing.T) {
	t.Parallel()
	var pid int
	t.Run("a test", func(t *testing.T) {
		p := testproc.Start(t, child(t, "serve"))
		p.Await(t, "serving")
		pid = p.PID()
	})
	assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
}

// A process may leave another one behind, which keeps its output open.
func TestProcessIsLeftBehind(t *testing.T) {
	t.Parallel()
	p := testproc.Start(t, exec.Command("/bin/sh", "-c", "sleep 1000 & echo left $! >&2"))
	require.ErrorIs(t, p.Wait(t), exec.ErrWaitDelay)
	var left int
	_, err := fmt.Sscanf(p.Stderr.String(), "left %d", &left)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(left, syscall.SIGKILL))
	p.Kill()
}

// failing is a test that remembers that it failed.
type failing struct {
	testing.TB
	text string
}

func (*failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// fails returns the text with which a function fails its test.
func fails(t *testing.T, run func(tb testing.TB)) string {
	t.Helper()
	f := &failing{TB: t}
	var done sync.WaitGroup
	done.Go(func() { run(f) })
	done.Wait()
	return f.text
}

func TestFailures(t *testing.T) {
	t.Parallel()
	p := testproc.Start(t, child(t, "fail"))
	require.Error(t, p.Wait(t))
	text := fails(t, func(tb testing.TB) { tb.Helper(); p.Await(tb, "serving") })
	assert.Contains(t, text, `has not logged "serving"`)
	assert.Contains(t, text, "no such file", "with the log")
	assert.Contains(t, fails(t, func(tb testing.TB) { tb.Helper(); p.Signal(tb, syscall.SIGTERM) }), "signal terminated")
	assert.Contains(t, fails(t, func(tb testing.TB) { tb.Helper(); testproc.Start(tb, exec.Command("/nonexistent")) }), "/nonexistent")
	assert.Contains(t, fails(t, func(tb testing.TB) { tb.Helper(); testproc.Build(tb, "/nonexistent") }), "/nonexistent")
}

func TestBuild(t *testing.T) {
	t.Parallel()
	const dir = "../../../docs/internal/steps"
	program := testproc.Build(t, dir)
	assert.Equal(t, "steps", filepath.Base(program))
	out, err := exec.Command(program).CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, "steps: want two arguments: a page and a directory\n", string(out))

	folder := t.TempDir()
	require.NoError(t, testproc.BuildInto(folder, append(testproc.RaceFlags(), dir)...))
	out, err = exec.Command("go", "version", "-m", filepath.Join(folder, "steps")).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, testproc.RaceEnabled, strings.Contains(string(out), "-race=true"))
}

func TestBuffer(t *testing.T) {
	t.Parallel()
	b := new(testproc.Buffer)
	assert.Empty(t, b.String())
	var writers sync.WaitGroup
	for range 10 {
		writers.Go(func() { _, _ = fmt.Fprintln(b, "a line") })
	}
	b.Await(t, "a line\n", 10)
	writers.Wait()
	assert.Equal(t, strings.Repeat("a line\n", 10), b.String())
	assert.Equal(t, 10, b.Count("line"))
}

func TestLog(t *testing.T) {
	t.Parallel()
	log := new(testproc.Log)
	logger := slog.New(slog.NewJSONHandler(log, nil))
	logger.Info("serving", "address", "127.0.0.1:1", "port", 1)
	for _, part := range []string{"panic: ", "no\n{\"msg\"", ":\"draining\"}\n{\"msg\":"} {
		_, err := log.Write([]byte(part))
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"panic: no"}, log.Junk())
	line := log.Await(t, testproc.Message("serving"))
	assert.Equal(t, "127.0.0.1:1", line.Str("address"))
	assert.Empty(t, line.Str("port"), "no text")
	assert.Empty(t, line.Str("peer"))
	assert.Equal(t, []testproc.Line{{"msg": "draining"}}, log.Lines(testproc.Message("draining")))
	assert.Empty(t, log.Lines(testproc.Message("drained")))
}

func TestLogNext(t *testing.T) {
	t.Parallel()
	log := new(testproc.Log)
	logger := slog.New(slog.NewJSONHandler(log, nil))
	for i := range 3 {
		logger.Log(context.Background(), slog.LevelInfo, "reloaded", "times", fmt.Sprint(i))
		logger.Info("other")
	}
	assert.Equal(t, "0", log.Next(t, "reloaded").Str("times"))
	assert.Equal(t, "1", log.Next(t, "reloaded").Str("times"), "not the same again")
	go logger.Info("drained")
	log.Next(t, "drained")
	go logger.Info("reloaded", "times", "3")
	assert.Equal(t, "3", log.Next(t, "reloaded").Str("times"), "what was passed is gone")
}
