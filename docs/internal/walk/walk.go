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

// repository is what the repository is called in the directory of a page.
const repository = "sluice"

// Options say where a page is walked, and how far.
type Options struct {
	// Dir is the directory in which the reader begins. The page finds the
	// repository there under the name sluice.
	Dir string
	// With names what is there besides Go: "Postfix", "Redis". Blocks that need
	// something else are left out.
	With []string
	// Log takes each command and what it prints. Nil means nobody.
	Log io.Writer
}

// Walk does what the blocks say. The error is about the first that does not do
// what the page shows, and names its line.
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

// walker is a reader on the way through a page.
type walker struct {
	Options

	dir       string               // where the reader is
	terminals map[string]*terminal // by what the page calls them
}

func (w *walker) close() {
	for _, t := range w.terminals {
		t.close()
	}
}

func (w *walker) block(ctx context.Context, b Block) error {
	terminal, inTerminal := b.says("terminal ")
	if _, there := b.says("in the repository"); there {
		defer func(dir string) { w.dir = dir }(w.dir)
		w.dir = filepath.Join(w.Dir, repository)
	}
	switch {
	case !w.wants(b):
		_, _ = fmt.Fprintf(w.Log, "# line %d is left out: %s\n", b.Line, b.Note)
		return nil
	case b.File != "":
		return w.save(b)
	case b.Lang != Console:
		return nil
	case inTerminal:
		return w.open(ctx, terminal, b)
	}
	_, fails := b.says("fails")
	all := commands(b.Text)
	for i, c := range all {
		if err := w.run(ctx, c, fails && i == len(all)-1); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(c.line), err)
		}
	}
	return nil
}

// wants reports whether the block is for this reader.
func (w *walker) wants(b Block) bool {
	_, skipped := b.NotRun()
	need, needs := b.says("with ")
	return !skipped && (!needs || slices.Contains(w.With, need))
}

func (w *walker) save(b Block) error {
	path := filepath.Join(w.dir, b.File)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.Text), 0o600)
}

// open runs a command in a terminal, in place of the one that runs there.
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

// run runs a command to its end. Where it leaves the reader is where the next
// one begins.
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
		return fmt.Errorf("it did not fail:\n%s", out)
	case err != nil && !fails:
		return fmt.Errorf("%w:\n%s", err, out)
	case !c.shows(string(out)):
		return fmt.Errorf("the page shows\n%s\nit printed\n%s", c.output, out)
	}
	now, err := io.ReadAll(place)
	w.dir = strings.TrimSpace(string(now))
	return err
}
