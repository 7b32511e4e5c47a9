package walk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// repository is the name of the repository in a page's directory.
const repository = "sluice"

// Options specify where and how a page is walked.
type Options struct {
	// Dir is the directory in which the reader begins. It must contain the
	// repository under the name sluice.
	Dir string
	// With lists the software that is available besides Go, such as
	// "Postfix" or "Redis". Blocks that need other software are skipped.
	With []string
	// Log receives each command and its output. If nil, there is no log.
	Log io.Writer
}

// Walk processes the blocks in order. It stops at the first block whose result
// differs from the page and returns an error with the block's line.
func Walk(ctx context.Context, blocks []Block, o Options) error {
	w := &walker{Options: o, dir: o.Dir, terminals: make(map[string]*terminal)}
	if w.Log == nil {
		w.Log = io.Discard
	}
	defer w.close()
	for _, b := range blocks {
		if err := w.block(ctx, b); err != nil {
			return fmt.Errorf("line %d: %w", b.Line, err)
		}
	}
	return nil
}

// walker is the state of a walk through one page.
type walker struct {
	Options

	dir       string               // the current directory
	terminals map[string]*terminal // by the names in the page
}

func (w *walker) close() {
	for _, t := range w.terminals {
		t.close()
	}
}

func (w *walker) block(ctx context.Context, b Block) error {
	terminal, inTerminal := b.option("terminal ")
	if _, there := b.option("in the repository"); there {
		defer func(dir string) { w.dir = dir }(w.dir)
		// Through a symbolic link the go command would compile everything anew.
		folder, err := filepath.EvalSymlinks(filepath.Join(w.Dir, repository))
		if err != nil {
			return err
		}
		w.dir = folder
	}
	switch {
	case !w.wants(b):
		_, _ = fmt.Fprintf(w.Log, "# line %d skipped: %s\n", b.Line, b.Note)
		return nil
	case b.File != "":
		return w.save(b)
	case b.Lang != Console:
		return nil
	case inTerminal:
		return w.open(ctx, terminal, b)
	}
	_, fails := b.option("fails")
	all := commands(b.Text)
	for i, c := range all {
		if err := w.run(ctx, c, fails && i == len(all)-1); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(c.line), err)
		}
	}
	return nil
}

// wants reports whether the block is to be processed.
func (w *walker) wants(b Block) bool {
	_, skipped := b.NotRun()
	need, needs := b.option("with ")
	return !skipped && (!needs || slices.Contains(w.With, need))
}

func (w *walker) save(b Block) error {
	path := filepath.Join(w.dir, b.File)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.Text), 0o600)
}

// open runs a command in a terminal. It first ends the command that runs there.
func (w *walker) open(ctx context.Context, terminal string, b Block) error {
	all := commands(b.Text)
	if len(all) != 1 {
		return fmt.Errorf("%d commands for one terminal", len(all))
	}
	if t, ok := w.terminals[terminal]; ok {
		t.close()
		delete(w.terminals, terminal)
	}
	t, err := open(ctx, w.dir, all[0])
	if t != nil {
		w.terminals[terminal] = t
	}
	return err
}

// run runs a command to its end. The directory in which the command ends is the
// current directory of the next one.
func (w *walker) run(ctx context.Context, c command, fails bool) error {
	place, err := os.CreateTemp("", "walk")
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(place.Close(), os.Remove(place.Name())) }()
	cmd := shell(ctx, w.dir, c.line+"\nstatus=$?; pwd >'"+place.Name()+"'; exit $status")
	out, err := cmd.CombinedOutput()
	_, _ = fmt.Fprintf(w.Log, "$ %s%s", c.line, out)
	switch {
	case err == nil && fails:
		return fmt.Errorf("command did not fail:\n%s", out)
	case err != nil && !fails:
		return fmt.Errorf("%w:\n%s", err, out)
	case !c.shows(string(out)):
		return fmt.Errorf("page shows\n%s\ncommand printed\n%s", c.output, out)
	}
	now, err := io.ReadAll(place)
	w.dir = strings.TrimSpace(string(now))
	return err
}
