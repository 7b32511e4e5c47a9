package configfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Errors of [Read]. The error that Read returns wraps them and names the file.
var (
	// ErrNotRegular is the error for a directory, a named pipe, a socket or
	// a device.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge is the error for a file that has more bytes than allowed.
	ErrTooLarge = errors.New("file too large")
)

// Read returns the content of a regular file, and what the system says about
// the file that was read, such as its mode. The path may be a symbolic link to
// a regular file. Read does not open any other kind of file, because opening
// some of them blocks or has effects.
//
// If the file has more than limit bytes, the error is [ErrTooLarge], and Read
// has read at most one byte more than the limit.
//
// Read blocks while the file system blocks: see [Loader].
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if missing := new(fs.PathError); errors.As(err, &missing) {
		missing.Op = "open" // what the caller wants to do
	}
	if err != nil {
		return nil, nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, nil, err
	}
	f, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	// Another file may have taken the name after the first check.
	if info, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(text)) > limit:
		return nil, nil, fmt.Errorf("%s: %w: larger than %d bytes", path, ErrTooLarge, limit)
	}
	return text, info, nil
}

// regular returns an error that says what kind of file it is, unless it is a
// regular file.
func regular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s: %w: it is a %s", path, ErrNotRegular, kind(info.Mode()))
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe (FIFO)"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	default:
		return "special file"
	}
}
