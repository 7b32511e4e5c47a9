package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Check returns the error with which [Open] certainly fails, as the documentation of
// framework.CheckAddress describes. It opens no socket.
func Check(text string) error {
	a, err := parse(text)
	if err != nil {
		return err
	}
	switch a.kind {
	case "fd":
	case "unix", "local":
		err = a.checkUnix()
	default:
		_, _, err = a.hostPort()
	}
	if err != nil || !a.tls {
		return err
	}
	_, err = loadCertificates(a.cert, a.key, a.clientCA)
	return a.fails(err)
}

// checkUnix checks the options, and what is at the path. It does not look whether a process
// listens there, because that may be the one whose configuration is checked.
func (a *address) checkUnix() error {
	path, query, _ := strings.Cut(a.rest, "?")
	if path == "" {
		return a.error(want)
	}
	if _, err := parseSocketOptions(query); err != nil {
		return a.error(err.Error())
	}
	// The name of the folder in which bindUnix binds has up to 10 digits.
	if hidden := filepath.Join(filepath.Dir(path), ".sluice-1234567890", "s"); len(path) > maxSocketPath || len(hidden) > maxSocketPath {
		return a.fails(errLongPath)
	}
	info, err := os.Lstat(path)
	switch {
	case err == nil:
		return a.fails(checkSocket(path, info))
	case errors.Is(err, fs.ErrNotExist):
		return a.fails(checkFolder(filepath.Dir(path)))
	case errors.Is(err, fs.ErrPermission): // the user who starts the program may be another
		return nil
	}
	return a.fails(err)
}

// checkSocket returns an error for a file that is no socket.
func checkSocket(path string, info fs.FileInfo) error {
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket", path)
	}
	return nil
}

// checkFolder returns an error for a folder that does not exist. One below /run may be created
// by what starts the program, such as systemd (RuntimeDirectory=).
func checkFolder(dir string) error {
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && (strings.HasPrefix(dir, "/run/") || strings.HasPrefix(dir, "/var/run/")) {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
