package inspect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/internal/archive"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// folder writes the records of a ring to files in a directory. One goroutine does that. The
// ring is its queue: what leaves the ring before it was written is dropped and counted.
//
// Each process writes files that no other process writes, and none is written again after
// a restart. The name of a file begins with the time at which it was created. Any process
// may remove the oldest files. So several processes can use one directory: one that finds
// its file removed begins another.
type folder struct {
	ring *ring
	all  *archive.Archive // of the same directory, for readers
	dir  string
	most int64 // of all files
	file int64 // of one file
	log  *slog.Logger

	stop chan struct{}
	done chan struct{}

	writeTo func(*os.File, []byte) (int, error) // replaced by tests of a bad disk

	// The goroutine alone uses these.
	current *os.File
	size    int64  // of current
	seen    uint64 // records of the ring that were written or dropped
	batch   []byte
	failing bool

	mu      sync.Mutex
	used    int64
	err     error  // why the last write failed, or nil
	written uint64 // records
	dropped uint64
}

const (
	// retryAfter is how long the folder waits after an error.
	retryAfter = time.Second
	// maxBatch is about how many bytes are written at once.
	maxBatch = 64 << 10
	// closeTimeout is how long close waits for a disk that hangs.
	closeTimeout = 10 * time.Second
	// gather is how long the folder waits for more records before it writes.
	gather = 20 * time.Millisecond
)

// openFolder creates the directory if necessary, and begins to write.
func openFolder(r *ring, c *Config) (*folder, error) {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("inspect: Config.Folder: %w", err)
	}
	f := &folder{
		ring: r, dir: c.Folder, most: c.FolderSize, log: c.Logger,
		file: max(c.FolderSize/16, min(c.FolderSize/2, c.MaxMessage+64<<10)),
		stop: make(chan struct{}), done: make(chan struct{}), writeTo: write,
		all: archive.New(c.Folder, min(c.Memory/2, mostRecord), c.Logger),
	}
	if err := f.open(time.Now()); err != nil {
		return nil, fmt.Errorf("inspect: Config.Folder: %w", err)
	}
	f.goOn(time.Now())
	return f, nil
}

const (
	// lookBack is how long a start looks for the newest record of the folder.
	lookBack = time.Second
	// ahead is how much newer that record may be.
	ahead = 24 * time.Hour
)

// goOn makes the ring go on behind the newest record of the folder, even if the clock was set
// back since: who follows the list asks for what is behind the newest record.
func (f *folder) goOn(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), lookBack)
	defer cancel()
	limit := archive.Key{Time: uint64(now.Add(ahead).UnixNano())}
	walk, err := f.all.Walk(ctx, archive.Range{Before: limit})
	if err != nil {
		return
	}
	defer walk.Close()
	if newest, _, ok, err := walk.Before(ctx, limit, archive.Key{}); err == nil && ok {
		f.ring.last = newest.Time
	}
}

func write(file *os.File, records []byte) (int, error) { return file.Write(records) }

// close writes what is left and ends the goroutine. It returns why the last write failed.
func (f *folder) close() error {
	close(f.stop)
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
		return fmt.Errorf("inspect: Config.Folder: %w", errHangs)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return fmt.Errorf("inspect: Config.Folder: %w", f.err)
	}
	return nil
}

// errHangs reports a disk that does not answer.
var errHangs = errors.New("the folder's disk hangs; the last records are not written")

// state returns the size of the files, why nothing can be written, and how many records were
// not.
func (f *folder) state() (used int64, problem string, dropped uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		problem = f.err.Error()
	}
	return f.used, problem, f.dropped
}

// progress returns how many records were written, and how many dropped.
func (f *folder) progress() (written, dropped uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written, f.dropped
}

// run writes records until the folder is closed.
func (f *folder) run() {
	defer close(f.done)
	defer f.closeFile()
	for {
		changed := f.ring.wait()
		more := f.write()
		wait := gather
		switch {
		case f.failing:
			wait = retryAfter
		case more:
			continue
		default:
			select {
			case <-changed:
			case <-f.stop:
			}
		}
		if !f.sleep(wait) {
			for f.write() {
			}
			return
		}
	}
}

// sleep waits, and returns false if the folder is closed.
func (f *folder) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.stop:
		return false
	}
}

// write writes a batch of records. It returns whether there may be more that can be written.
func (f *folder) write() (more bool) {
	f.batch = f.batch[:0]
	records := 0
	now, left := f.ring.after(f.seen, maxBatch, func(rec []byte) {
		f.batch = tape.AppendFrame(f.batch, rec)
		records++
	})
	f.seen = now - uint64(records)
	err := error(nil)
	if records > 0 {
		if err = f.append(f.batch); err == nil {
			f.seen = now
		}
	}
	f.note(err, uint64(records), left)
	if cap(f.batch) > 4*maxBatch {
		f.batch = nil
	}
	return err == nil && records > 0
}

// note keeps and logs what became of a batch: the first failure, and that writing succeeds again.
func (f *folder) note(err error, records, left uint64) {
	f.mu.Lock()
	if f.err = err; err == nil {
		f.written += records
	}
	f.dropped += left
	dropped := f.dropped
	f.mu.Unlock()
	switch {
	case err != nil && !f.failing:
		f.log.Error("records cannot be written to the folder; mail is not affected", "folder", f.dir, "error", err)
	case err == nil && f.failing:
		f.log.Info("records are written to the folder again", "folder", f.dir, "dropped", dropped)
	}
	f.failing = err != nil
}

// append writes records to the current file, or to a new one, and makes room for them.
func (f *folder) append(records []byte) error {
	if f.current == nil || f.size+int64(len(records)) > f.file && f.size > int64(len(tape.Magic)) || f.removed() {
		if err := f.open(time.Now()); err != nil {
			return err
		}
	}
	if err := f.makeRoom(int64(len(records))); err != nil {
		return err
	}
	n, err := f.writeTo(f.current, records)
	f.size += int64(n)
	if err != nil {
		// A part of a record may be at the end of the file. It is cut off, or the file is left as
		// it is, and readers report an incomplete record.
		_ = f.current.Truncate(f.size - int64(n))
		f.closeFile()
		return err
	}
	f.mu.Lock()
	f.used += int64(n)
	f.mu.Unlock()
	return nil
}

// removed reports whether another process has removed the current file.
func (f *folder) removed() bool {
	info, err := os.Stat(f.current.Name())
	if err != nil {
		return true
	}
	own, err := f.current.Stat()
	return err != nil || !os.SameFile(info, own)
}

// open begins a new file.
func (f *folder) open(now time.Time) error {
	f.closeFile()
	name := now.UTC().Format("20060102T150405.000000000") + fmt.Sprintf("-%d", os.Getpid()) + record.Ext
	flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE | os.O_EXCL
	file, err := os.OpenFile(filepath.Join(f.dir, name), flags, 0o600) //nolint:gosec // the administrator names the folder
	if err != nil {
		return err
	}
	if _, err := file.WriteString(tape.Magic); err != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
		return err
	}
	f.current, f.size = file, int64(len(tape.Magic))
	return nil
}

// closeFile closes the current file, and removes it if it has no record.
func (f *folder) closeFile() {
	if f.current == nil {
		return
	}
	_ = f.current.Close()
	if f.size <= int64(len(tape.Magic)) {
		_ = os.Remove(f.current.Name())
	}
	f.current = nil
}

// makeRoom removes the oldest files until n more bytes fit. A file that another process
// removes meanwhile does not count.
func (f *folder) makeRoom(n int64) error {
	files, used, err := f.list()
	if err != nil {
		return err
	}
	for _, file := range files {
		if used+n <= f.most {
			break
		}
		if file.name == f.current.Name() {
			continue
		}
		if err := os.Remove(file.name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		used -= file.size
	}
	f.mu.Lock()
	f.used = used
	f.mu.Unlock()
	return nil
}

// segment is a file of the folder.
type segment struct {
	name string
	size int64
}

// list returns the files, oldest first, and their size.
func (f *folder) list() (files []segment, used int64, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), record.Ext) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if info.Mode().IsRegular() {
			files = append(files, segment{filepath.Join(f.dir, e.Name()), info.Size()})
			used += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b segment) int { return strings.Compare(a.name, b.name) })
	return files, used, nil
}
