package walk

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Module creates a Go module in dir with the repository's requirements. The reader of
// a how-to works in such a module. It finds the repository by its absolute path, so that
// the go command knows the folders of what it has compiled before. By another path, even
// by a symbolic link, it compiles everything anew for each module.
func Module(repository, dir string) error {
	absolute, err := filepath.Abs(repository)
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(repository, "go.mod")) //nolint:gosec // the repository's own
	if err != nil {
		return err
	}
	const path = "github.com/sluicemail/sluice"
	mod = bytes.Replace(mod, []byte("module "+path), []byte("module example.org/filter"), 1)
	mod = append(mod, "\nrequire "+path+" v0.0.0\n\nreplace "+path+" => "+strconv.Quote(absolute)+"\n"...)
	sum, err := os.ReadFile(filepath.Join(repository, "go.sum")) //nolint:gosec // the repository's own
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600); err != nil { //nolint:gosec // the caller says where
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o600) //nolint:gosec // the caller says where
}
