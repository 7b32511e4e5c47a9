package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// Ext is the extension of the names of files with records.
const Ext = ".sluice"

// ErrTorn reports that the last record of a file is not complete: the process that wrote
// it crashed, or is writing it. The other records are.
var ErrTorn = errors.New("record: the last record of the file is incomplete")

// Open iterates over the records of a file, or of the files of a folder whose names end in
// [Ext], in the order of time. An error names the file. After an error of a record or a
// file the next ones follow. The message may be retained. A path that is neither a file nor a
// folder is an error: a named pipe might never have a writer, and a device has no end. [Read]
// reads from any io.Reader.
func Open(path string) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		walk(path, func(file string, rec []byte, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			m, err := Decode(rec)
			return yield(m, inFile(file, err))
		})
	}
}

// Raw is like [Open], but does not decode the records. Each is valid until the next one.
func Raw(path string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		walk(path, func(_ string, rec []byte, err error) bool { return yield(rec, err) })
	}
}

// inFile returns an error that names the file.
func inFile(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", file, err)
}

// walk calls fn with the records of a file or folder until it returns false. An error names the
// file.
func walk(path string, fn func(file string, rec []byte, err error) bool) {
	files, err := list(path)
	if err != nil {
		fn(path, nil, fmt.Errorf("record: %w", err))
		return
	}
	for _, file := range files {
		if !readFile(file, fn) {
			return
		}
	}
}

// list returns the files that a path stands for.
func list(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Mode().IsRegular():
		return []string{path}, nil
	case !info.IsDir():
		return nil, fmt.Errorf("%s is %s, and neither a file nor a folder", path, kind(info.Mode()))
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), Ext) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	slices.Sort(files) // the names begin with the time
	return files, nil
}

// kind says what is at a path that is neither a file nor a folder.
func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "of an unknown kind"
}

// readFile calls fn with the records of a file. It returns false if there shall be no more.
func readFile(path string, fn func(file string, rec []byte, err error) bool) bool {
	f, err := os.Open(path) //nolint:gosec // the caller names it
	if errors.Is(err, os.ErrNotExist) {
		return true // it was the oldest of a folder that is being written
	}
	if err != nil {
		return fn(path, nil, fmt.Errorf("record: %w", err))
	}
	defer func() { _ = f.Close() }()
	for rec, err := range Read(f) {
		if !fn(path, rec, inFile(path, err)) {
			return false
		}
	}
	return true
}

// Read iterates over the records of a file. Each is valid until the next one. The error
// is [ErrTorn], wraps [ErrMalformed], or is an error of r. Zeros in place of records are one error,
// however many there are.
func Read(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, zeros := tape.NewFileReader(r, 0, tape.MaxRecord), false
		for {
			rec, err := f.Next()
			more := zeros
			zeros = errors.Is(err, tape.ErrZeros)
			switch {
			case zeros && more: // the row goes on
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, tape.ErrTorn):
				yield(nil, ErrTorn)
				return
			case err != nil && !errors.Is(err, tape.ErrSkipped):
				yield(nil, wrapped(err))
				return
			case !yield(rec, wrapped(err)):
				return
			}
		}
	}
}

func wrapped(err error) error {
	if err == nil || !errors.Is(err, tape.ErrMalformed) {
		return err
	}
	return malformedError{err}
}

// File returns a file with one record, such as [Raw] yields it.
func File(rec []byte) []byte {
	return tape.AppendFrame([]byte(tape.Magic), rec)
}
