package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// file is the index of one file. The records of a file have increasing keys: a record that has
// not is left out. Archive.lock guards it.
type file struct {
	path    string
	size    int64 // when the folder was listed
	ended   int64 // the size at which the index was complete
	scanned int64 // the frames before it are in the index
	behind  int64 // where the last record ends: what follows until scanned is damaged
	first   Key
	last    Key
	some    bool // it has a record, and so first and last
	marks   []mark
	broken  bool // what follows scanned is damaged
	logged  bool
}

// mark is a record at which a block of records begins.
type mark struct {
	key    Key
	offset int64 // of the frame
}

// whole reports whether the index has all of the file, but for an incomplete record at its end.
func (f *file) whole() bool { return f.broken || f.ended >= f.size }

// covers reports whether the index has all records of the file that are before limit.
func (f *file) covers(limit Key) bool {
	return f.whole() || f.some && f.last.Compare(limit) >= 0
}

// extend reads the file until the index covers limit, or has step more bytes. After an error it
// may be called again.
func (a *Archive) extend(ctx context.Context, f *file, limit Key, step int64) error {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	r := newFrames(in, f.scanned, f.size, a.most)
	for stop := f.scanned + step; err == nil && !f.covers(limit) && f.scanned < stop; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err = a.take(f, r)
		f.scanned = r.Offset()
	}
	switch {
	case err == nil:
	case atEnd(err):
		f.ended = f.size
	case errors.Is(err, tape.ErrMalformed):
		f.broken = true
		a.report(f, err)
	default:
		return err
	}
	return nil
}

// take reads a frame into the index.
func (a *Archive) take(f *file, r frames) error {
	e, err := r.next()
	if err == nil && f.some && e.key.Compare(f.last) <= 0 {
		err = fmt.Errorf("%w: it is not newer than the one before", tape.ErrSkipped)
	}
	if errors.Is(err, tape.ErrSkipped) {
		a.report(f, err)
		return nil
	}
	if err != nil {
		return err
	}
	if !f.some {
		f.first, f.some = e.key, true
	}
	f.last, f.behind = e.key, r.Offset()
	if n, at := len(f.marks), e.offset-tape.FrameHeaderLen; n == 0 || at >= f.marks[n-1].offset+a.block {
		f.marks = append(f.marks, mark{e.key, at})
	}
	return nil
}

// blockBefore returns the part of the file that begins at the last mark before limit. ok is false
// if there is none.
func (f *file) blockBefore(limit Key) (from, to int64, ok bool) {
	i := sort.Search(len(f.marks), func(i int) bool { return f.marks[i].key.Compare(limit) >= 0 })
	switch {
	case i == 0:
		return 0, 0, false
	case i < len(f.marks):
		return f.marks[i-1].offset, f.marks[i].offset, true
	}
	return f.marks[i-1].offset, f.behind, true
}

// keyAt returns the key of the mark at an offset.
func (f *file) keyAt(offset int64) Key {
	i := sort.Search(len(f.marks), func(i int) bool { return f.marks[i].offset >= offset })
	return f.marks[i].key
}

// entries returns where the records of a part of a file are.
func (a *Archive) entries(ctx context.Context, in *os.File, from, to int64) (list []entry, err error) {
	r := newFrames(in, from, to, a.most)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := r.next()
		switch {
		case errors.Is(err, tape.ErrSkipped):
		case atEnd(err):
			return list, nil
		case err != nil:
			return nil, err
		case len(list) == 0 || e.key.Compare(list[len(list)-1].key) > 0:
			list = append(list, e)
		}
	}
}

// before returns the number of entries before limit.
func before(list []entry, limit Key) int {
	n, _ := slices.BinarySearchFunc(list, limit, func(e entry, k Key) int { return e.key.Compare(k) })
	return n
}
