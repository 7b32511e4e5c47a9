package walk

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// terminal runs a command that goes on while later blocks are run.
type terminal struct {
	cmd  *exec.Cmd
	out  testproc.Buffer
	done chan error
}

// patience is how long a page's command may take to print what is shown, or to
// end when it is told to.
const patience = 2 * time.Minute

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

// await waits until the command has printed what the page shows.
func (t *terminal) await(ctx context.Context, c command) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !c.shows(t.out.String()) {
		select {
		case err := <-t.done:
			t.done <- err
			return fmt.Errorf("%w: it ended, and printed\n%s", err, t.out.String())
		case <-ctx.Done():
			return fmt.Errorf("%w: it printed\n%s", ctx.Err(), t.out.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// close presses Ctrl-C, and waits.
func (t *terminal) close() {
	_ = interrupt(t.cmd)
	select {
	case err := <-t.done:
		t.done <- err
	case <-time.After(patience):
		_ = kill(t.cmd)
		t.done <- <-t.done
	}
}

// shell makes a command of a line. What it starts ends with it.
func shell(ctx context.Context, dir, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", line) //nolint:gosec // what the page says is to be run
	cmd.Dir = dir
	group(cmd)
	cmd.Cancel = func() error { return kill(cmd) }
	return cmd
}
