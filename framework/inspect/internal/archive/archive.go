package archive

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Bounds of the index.
const (
	// maxFiles is the number of files that are looked at: the newest by their names.
	maxFiles = 4 << 10
	// maxMarks is about the number of marks of all files, and leastBlock how many bytes are at
	// least between two of them.
	maxMarks   = 16 << 10
	leastBlock = 64 << 10
	// step is the number of bytes that are read before others may read.
	step = 4 << 20
	// patience is how long a reader waits for another one.
	patience = time.Second
)

// ErrBusy reports that another reader takes too long, as when the disk hangs.
var ErrBusy = errors.New("the folder's disk takes too long")

// Archive has the index of a folder. It is safe for concurrent use. One reader at a time uses
// the disk, so that a disk that hangs keeps one of them, and the others return ErrBusy.
type Archive struct {
	dir  string
	most int64 // the length of a record that is read
	log  *slog.Logger

	lock    chan struct{}
	files   map[string]*file
	block   int64
	failing bool // the folder could not be listed
}

// New returns an Archive of a folder, which need not be there yet. It leaves out records that are
// longer than most, and looks at nothing before the first Walk.
func New(dir string, most int64, log *slog.Logger) *Archive {
	return &Archive{dir: dir, most: most, log: log, lock: make(chan struct{}, 1), files: make(map[string]*file)}
}

// acquire takes the lock.
func (a *Archive) acquire(ctx context.Context) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case a.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ErrBusy
	}
}

func (a *Archive) release() { <-a.lock }

// refresh lists the folder and reads the first record of each new file. The caller holds the
// lock.
func (a *Archive) refresh(ctx context.Context) error {
	sizes, err := a.list()
	a.note(err) // there are no records, then
	total := int64(0)
	for path, size := range sizes {
		total += size
		f := a.files[path]
		if f == nil || size < f.size { // another one has its name
			f = &file{path: path}
			a.files[path] = f
		}
		f.size = size
	}
	a.block = max(leastBlock, total/maxMarks)
	for path, f := range a.files {
		if _, ok := sizes[path]; !ok {
			delete(a.files, path)
			continue
		}
		for !f.some && !f.whole() {
			if err := a.extend(ctx, f, Key{}, step); err != nil {
				if ctx.Err() != nil {
					return err
				}
				a.skip(f, err)
				break
			}
		}
	}
	return nil
}

// list returns the newest files with their sizes.
func (a *Archive) list() (map[string]int64, error) {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	sizes := make(map[string]int64)
	for _, e := range slices.Backward(entries) { // they are sorted by name, which begins with the time
		if !strings.HasSuffix(e.Name(), record.Ext) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sizes[filepath.Join(a.dir, e.Name())] = info.Size()
		}
		if len(sizes) == maxFiles {
			break
		}
	}
	return sizes, nil
}

// note logs the first failure of a row.
func (a *Archive) note(err error) {
	if err != nil && !a.failing {
		a.log.Warn("records of the folder cannot be shown", "folder", a.dir, "error", err)
	}
	a.failing = err != nil
}

// skip leaves out a file that cannot be opened or read now: it has left, or is logged.
func (a *Archive) skip(f *file, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		a.report(f, err)
	}
}

// report logs the first fault of a file.
func (a *Archive) report(f *file, err error) {
	if !f.logged {
		f.logged = true
		a.log.Warn("records of the folder cannot be shown", "file", f.path, "error", err)
	}
}
