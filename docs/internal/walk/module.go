package walk

import (
	"bytes"
	"os"
	"path/filepath"
)

// Module creates a Go module in dir with the repository's requirements. The
// module finds the repository at ../sluice. The reader of a how-to works in
// such a module.
func Module(repository, dir string) error {
	mod, err := os.ReadFile(filepath.Join(repository, "go.mod")) //nolint:gosec // the repository's own
	if err != nil {
		return err
	}
	const path = "github.com/sluicemail/sluice"
	mod = bytes.Replace(mod, []byte("module "+path), []byte("module example.org/filter"), 1)
	mod = append(mod, "\nrequire "+path+" v0.0.0\n\nreplace "+path+" => ../sluice\n"...)
	sum, err := os.ReadFile(filepath.Join(repository, "go.sum")) //nolint:gosec // the repository's own
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600); err != nil { //nolint:gosec // the caller says where
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o600) //nolint:gosec // the caller says where
}
