package docs_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
)

// TestTutorial follows the steps of the tutorial in an empty directory.
func TestTutorial(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	require.NoError(t, walk.Walk(t.Context(), read(t, "tutorial/README.md"),
		walk.Options{Dir: dir, With: installed(), Log: t.Output()}))
	vet(t, filepath.Join(dir, "words"))
}

// TestHowtos follows the steps of each how-to in a module that requires Sluice.
func TestHowtos(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("howto/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, page := range all {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			blocks := read(t, page)
			dir := filepath.Join(directory(t), "filter")
			require.NoError(t, os.Mkdir(dir, 0o750))
			require.NoError(t, walk.Module("..", dir))
			require.NoError(t, walk.Walk(t.Context(), blocks,
				walk.Options{Dir: dir, With: installed(), Log: t.Output()}))
			if hasGo(dir) {
				vet(t, dir)
			}
		})
	}
}

// TestOtherPages runs the commands of all other pages, each in a separate
// directory that contains only the repository, or in the repository itself.
func TestOtherPages(t *testing.T) {
	t.Parallel()
	all := pages(t)
	require.Contains(t, all["docs/explanation/negotiation-and-the-plan.md"], "\n```console\n", "one at least")
	for page, text := range all {
		if walked(page) || !strings.Contains(text, "\n```console\n") {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, walk.Walk(t.Context(), walk.Parse(ownPorts(t, text)),
				walk.Options{Dir: directory(t), With: installed(), Log: t.Output()}))
		})
	}
}

// hasGo reports whether a page had Go saved.
func hasGo(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	return len(files) > 0
}

// vet compiles the files that a page saved, including tests and files for real
// servers.
func vet(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "vet", "-tags", "integration", "./...")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// directory returns a new directory that contains the repository.
func directory(t *testing.T) string {
	t.Helper()
	repository, err := filepath.Abs("..")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(repository, filepath.Join(dir, "sluice")))
	return dir
}

// ports are those that the pages use.
var ports = []string{"9000", "9001", "9090", "6379", "8025"}

// read returns the blocks of a page, with free ports instead of the ports that
// it shows.
func read(t *testing.T, page string) []walk.Block {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	return walk.Parse(ownPorts(t, string(text)))
}

func ownPorts(t *testing.T, text string) string {
	t.Helper()
	var swaps []string
	for _, p := range ports {
		swaps = append(swaps, p, strconv.Itoa(port(t)))
	}
	return strings.NewReplacer(swaps...).Replace(text)
}

// port returns a port on which no process listens.
func port(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, ln.Close()) }()
	return ln.Addr().(*net.TCPAddr).Port
}

// Every command of the documentation is run, or its block gives the reason why
// it is not. Below docs every block has a language, so that the test finds all
// commands.
func TestCommandsAreRun(t *testing.T) {
	t.Parallel()
	run, not := 0, 0
	for page, text := range pages(t) {
		for _, b := range walk.Parse(text) {
			switch reason, notRun := b.NotRun(); {
			case !slices.Contains([]string{walk.Console, "sh", "shell-session"}, b.Lang):
				hides := b.Lang == "" && strings.HasPrefix(page, "docs/")
				assert.False(t, hides, "%s line %d: a block without a language", page, b.Line)
			case notRun:
				not++
				t.Logf("not run: %s line %d: %s", page, b.Line, reason)
			default:
				run++
				assert.Equal(t, walk.Console, b.Lang, "%s line %d: nobody runs this, and nothing says why", page, b.Line)
			}
		}
	}
	assert.Positive(t, run)
	t.Logf("%d blocks of commands are run, %d are not", run, not)
}
