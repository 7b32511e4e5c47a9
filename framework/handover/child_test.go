package handover_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/handover"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/framework/systemd"
)

// childFolder is set in the processes that the tests send signals to. It names
// the directory of their settings. A successor reads that directory again.
const childFolder = "SLUICE_TEST_HANDOVER"

// childStart is the time that a successor of these processes has to start. It is long by
// default, for a busy machine.
const childStart = "SLUICE_TEST_HANDOVER_START"

// The goroutines that tableflip leaves running in the child processes do not
// matter, because these processes end.
func TestMain(m *testing.M) {
	if os.Getenv(childFolder) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/signal.loop"),
		goleak.IgnoreTopFunction("github.com/cloudflare/tableflip.(*Upgrader).run")) // each process keeps one
}

// settings are the files of the directory.
const (
	addressesFile = "addresses" // one on a line
	failFile      = "fail"      // the start fails if it is there
	hangFile      = "hang"      // the start hangs if it is there
	pidFile       = "pid"       // the process that serves
)

// pid is a filter that reports its process ID.
type pid struct{}

func (pid) Name() string { return "pid" }

func (pid) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Pid", strconv.Itoa(os.Getpid()))
	})
	return nil
}

// TestChild runs in a child process and serves until it gets a signal.
func TestChild(t *testing.T) { //nolint:paralleltest // another process of its own
	dir := os.Getenv(childFolder)
	if dir == "" {
		return
	}
	start, err := time.ParseDuration(cmp.Or(os.Getenv(childStart), "1m"))
	require.NoError(t, err)
	app := fx.New(
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
		fx.StopTimeout(2*time.Minute),
		milterfx.Module,
		systemd.Module,
		milterfx.Filters(pid{}),
		fx.Supply(
			slog.New(slog.NewTextHandler(os.Stderr, nil)),
			milterfx.Config{Listen: addresses(t, dir), DrainTimeout: time.Minute},
			handover.Config{PIDFile: filepath.Join(dir, pidFile), StartTimeout: start},
		),
		fx.Invoke(func(lc fx.Lifecycle, _ *framework.Server) {
			lc.Append(fx.StartHook(func(ctx context.Context) error { return obstacles(ctx, dir) }))
		}),
		handover.Module,
	)
	require.NoError(t, app.Err())
	wait := app.Wait()
	require.NoError(t, app.Start(t.Context()))
	<-wait
	require.NoError(t, app.Stop(context.Background()))
}

func addresses(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, addressesFile))
	require.NoError(t, err)
	return strings.Fields(string(text))
}

// obstacles prevents the application from starting if a test requests it.
func obstacles(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, failFile)); err == nil {
		return errors.New("told to fail")
	}
	if _, err := os.Stat(filepath.Join(dir, hangFile)); err == nil {
		<-ctx.Done()
	}
	return nil
}

// family is a process and its successors. They share one standard error.
type family struct {
	dir   string
	cmd   *exec.Cmd // the first one
	over  chan struct{}
	lines testproc.Buffer // what the processes log
}

// newFamily starts a process that serves the given addresses, and returns once
// it serves.
func newFamily(t *testing.T, dir string, env []string, at ...string) *family {
	t.Helper()
	f := &family{dir: dir, over: make(chan struct{})}
	f.write(t, addressesFile, strings.Join(at, "\n"))
	exe, err := os.Executable()
	require.NoError(t, err)
	f.cmd = exec.Command(exe, "-test.run", "^TestChild$", "-test.timeout", "10m")
	f.cmd.Env = append(append(os.Environ(), childFolder+"="+dir), env...)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	f.cmd.Stderr = w
	require.NoError(t, f.cmd.Start())
	require.NoError(t, w.Close())
	go func() {
		defer close(f.over)
		_, _ = io.Copy(&f.lines, r)
		_ = r.Close()
	}()
	t.Cleanup(func() {
		_ = f.cmd.Process.Kill()
		select {
		case <-f.over:
		default:
			if main := f.main(); main > 0 { // numbers below 1 mean many processes
				_ = syscall.Kill(main, syscall.SIGKILL)
			}
			<-f.over
		}
	})
	f.says(t, "msg=serving", len(at))
	f.until(t, func() bool { return f.main() == f.cmd.Process.Pid })
	return f
}

func (f *family) log() string { return f.lines.String() }

func (f *family) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}

// main returns the serving process, as its PID file names it.
func (f *family) main() int {
	text, err := os.ReadFile(filepath.Join(f.dir, pidFile))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(string(text))
	return n
}

func (f *family) until(t *testing.T, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 2*time.Minute, 5*time.Millisecond, f.log())
}

// says waits until a text has been logged the given number of times.
func (f *family) says(t *testing.T, what string, times int) {
	t.Helper()
	f.until(t, func() bool { return strings.Count(f.log(), what) >= times })
}

// signal sends a signal to the serving process.
func (f *family) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	main := f.main()
	require.Positive(t, main, "numbers below 1 mean many processes")
	require.NoError(t, syscall.Kill(main, sig))
}

// succeed makes the serving process hand over and returns its successor.
func (f *family) succeed(t *testing.T) int {
	t.Helper()
	old := f.main()
	f.signal(t, syscall.SIGUSR2)
	f.until(t, func() bool { return f.main() != old })
	return f.main()
}

// end stops the serving process and waits until all processes have ended.
func (f *family) end(t *testing.T) {
	t.Helper()
	f.signal(t, syscall.SIGTERM)
	select {
	case <-f.over:
	case <-time.After(time.Minute):
		require.Fail(t, "a process goes on", f.log())
	}
	assert.NotContains(t, f.log(), "FAIL")
}
