package walk

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// terminal runs a command that keeps running while later blocks are processed.
type terminal struct {
	cmd  *exec.Cmd
	out  testproc.Buffer
	done chan error
}

// commandTimeout is how long a command may take to print the expected output,
// or to end after an interrupt.
const commandTimeout = 10 * time.Minute

func open(ctx context.Context, dir string, c command) (*terminal, error) {
	t := &terminal{done: make(chan error, 1)}
	t.cmd = shell(ctx, dir, c.line)
	t.cmd.Stdout, t.cmd.Stderr = &t.out, &t.out
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { t.done <- t.cmd.Wait() }()
	return t, t.await(ctx, c)
}

// await waits until the command has printed the output that the page shows.
func (t *terminal) await(ctx context.Context, c command) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	for !c.shows(t.out.String()) {
		select {
		case err := <-t.done:
			t.done <- err
			return fmt.Errorf("%w: command ended; its output:\n%s", err, t.out.String())
		case <-ctx.Done():
			return fmt.Errorf("%w: command printed\n%s", ctx.Err(), t.out.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// close interrupts the command, as Ctrl-C does, and waits for its end.
func (t *terminal) close() {
	_ = interrupt(t.cmd)
	select {
	case err := <-t.done:
		t.done <- err
	case <-time.After(commandTimeout):
		_ = kill(t.cmd)
		t.done <- <-t.done
	}
}

// shell returns a command that runs a line in bash. Child processes of the
// command end with it.
func shell(ctx context.Context, dir, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", line) //nolint:gosec // what the page says is to be run
	cmd.Dir = dir
	setProcessGroup(cmd)
	cmd.Cancel = func() error { return kill(cmd) }
	return cmd
}
