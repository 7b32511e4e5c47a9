package testproc

import (
	"cmp"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Patience bounds every wait for a process or for its log.
const Patience = time.Minute

// leftover is how long the output of a process is read after its end, if a process that it
// has started and left behind keeps the output open.
const leftover = 5 * time.Second

// tick is the time between two looks at a log.
const tick = 5 * time.Millisecond

// Process is a program that was started.
type Process struct {
	// Stderr has what the program wrote to its standard error. It is empty if
	// the command had a Stderr already.
	Stderr *Buffer

	cmd   *exec.Cmd
	ended chan struct{} // closed when err is set
	err   error
}

// Start starts a command. When the test ends, the process is killed if it is
// still running. A program with the race detector ends without its usual delay
// of a second. If the process leaves others behind that keep its output open, the wait for
// its end goes on for 5 seconds, or for the command's WaitDelay, and then returns
// [exec.ErrWaitDelay]. It does not kill them.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Stderr: new(Buffer), cmd: cmd, ended: make(chan struct{})}
	if cmd.Stderr == nil {
		cmd.Stderr = p.Stderr
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.WaitDelay = cmp.Or(cmd.WaitDelay, leftover)
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0")
	if err := cmd.Start(); err != nil {
		t.Fatalf("testproc: %v", err)
	}
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
	}()
	t.Cleanup(p.Kill)
	return p
}

// PID returns the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal. The test fails if the process has ended.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("testproc: signal %v: %v\n%s", signal, err, p.Stderr)
	}
}

// Kill ends the process at once, and waits for it. It does nothing if the process
// has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Wait waits for the end of the process, and returns the error of [exec.Cmd.Wait].
// The test fails if the process goes on for longer than [Patience].
func (p *Process) Wait(t testing.TB) error {
	t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(Patience):
		t.Fatalf("testproc: %s has not ended after %v\n%s", p.cmd.Path, Patience, p.Stderr)
		return nil
	}
}

// Logs waits until the process has written a text to its standard error. It
// returns false if the process ends before that, or after [Patience].
func (p *Process) Logs(text string) bool {
	for limit := time.After(Patience); ; {
		select {
		case <-p.ended:
			return p.Stderr.Count(text) > 0
		case <-limit:
			return false
		case <-time.After(tick):
			if p.Stderr.Count(text) > 0 {
				return true
			}
		}
	}
}

// Await is like [Process.Logs], but fails the test instead of returning false.
func (p *Process) Await(t testing.TB, text string) {
	t.Helper()
	if !p.Logs(text) {
		t.Fatalf("testproc: %s has not logged %q\n%s", p.cmd.Path, text, p.Stderr)
	}
}
