package docs_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// bin is the folder of the examples that tests have built.
var bin string

func TestMain(m *testing.M) {
	status, err := withFolder(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// withFolder makes the folder of the examples and calls run.
func withFolder(run func() int) (status int, err error) {
	if bin, err = os.MkdirTemp("", "docs"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	// The pages build many programs. Without what a debugger reads, they are linked in two
	// thirds of the time.
	if err := os.Setenv("GOFLAGS", strings.TrimSpace(os.Getenv("GOFLAGS")+" -ldflags=-w")); err != nil {
		return 1, err
	}
	return run(), nil
}

// building is held while an example is built.
var building sync.Mutex

// example returns the path of an example's program. It builds the program when a test
// first needs it.
func example(t *testing.T, name string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	program := filepath.Join(bin, name)
	if _, err := os.Stat(program); err != nil {
		require.NoError(t, testproc.BuildInto(bin, "../examples/"+name))
	}
	return program
}

// sluice builds a program in a module that requires Sluice.
func sluice(t *testing.T, source string) *exec.Cmd {
	t.Helper()
	dir := filepath.Join(directory(t), "filter")
	require.NoError(t, os.Mkdir(dir, 0o750))
	require.NoError(t, walk.Module("..", dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600))
	return build(t, dir, ".")
}

func build(t *testing.T, module string, args ...string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-ldflags=-w", "-o", program}, args...)...)
	cmd.Dir = module
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return exec.CommandContext(t.Context(), program)
}

// dial waits until the filter is there.
func dial(t *testing.T, address string) (conn *mta.Conn) {
	t.Helper()
	require.Eventually(t, func() (ok bool) {
		var err error
		conn, err = mta.Dial(t.Context(), address, mta.Config{})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return conn
}
