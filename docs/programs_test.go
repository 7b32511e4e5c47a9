package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
	"github.com/sluicemail/sluice/wire/mta"
)

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
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-o", program}, args...)...)
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
	}, 20*time.Second, 20*time.Millisecond)
	return conn
}
