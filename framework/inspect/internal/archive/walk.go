package archive

import (
	"container/heap"
	"context"
	"encoding/binary"
	"os"
	"slices"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// Range is what a Walk looks at.
type Range struct {
	// Before limits it to records with smaller keys.
	Before Key
	// Without leaves out the files of a process, if it is not nil.
	Without *uint16
}

// Walk reads the records of the files that a folder had when the walk began, newest first. It is
// not safe for concurrent use, and must be closed.
type Walk struct {
	a     *Archive
	heap  sources
	loads []*source // those with a block, the last loaded last
}

// maxLoads is the number of files of which a walk has a block and a descriptor.
const maxLoads = 4

// source is a file of a walk: what it has before upper is still to come.
type source struct {
	f     *file
	upper Key
	exact bool // it has a record with the key upper, which is the next one
	next  entry

	in    *os.File // nil if no block is loaded
	block []entry
}

// Walk begins a walk. The error is ErrBusy, or that of ctx.
func (a *Archive) Walk(ctx context.Context, r Range) (*Walk, error) {
	if err := a.acquire(ctx); err != nil {
		return nil, err
	}
	defer a.release()
	if err := a.refresh(ctx); err != nil {
		return nil, err
	}
	w := &Walk{a: a}
	for f, upper := range a.uppers() {
		if f.first.Compare(r.Before) >= 0 || r.Without != nil && f.first.Tag == *r.Without {
			continue
		}
		if upper.Compare(r.Before) > 0 {
			upper = r.Before
		}
		w.heap = append(w.heap, &source{f: f, upper: upper})
	}
	heap.Init(&w.heap)
	return w, nil
}

// uppers returns a key for each file, before which all its records are. A process writes its
// files one after the other: before the first record of the next one, if the file was not read
// to its end.
func (a *Archive) uppers() map[*file]Key {
	all := make([]*file, 0, len(a.files))
	for _, f := range a.files {
		if f.some {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(x, y *file) int { return y.first.Compare(x.first) })
	uppers, next := make(map[*file]Key, len(all)), make(map[uint16]Key)
	for _, f := range all {
		upper, ok := next[f.first.Tag]
		switch {
		case f.whole():
			upper = f.last.Next()
		case !ok || f.last.Compare(upper) >= 0: // two processes have the same tag
			upper = Last
		}
		uppers[f], next[f.first.Tag] = upper, f.first
	}
	return uppers
}

// Before returns the newest record that is before limit and behind floor. ok is false if there
// is none. The limits of calls must not increase. The error is ErrBusy or that of ctx: the call
// may be repeated then.
func (w *Walk) Before(ctx context.Context, limit, floor Key) (key Key, rec []byte, ok bool, err error) {
	for len(w.heap) > 0 {
		s := w.heap[0]
		switch {
		case s.exact && s.upper.Compare(limit) < 0:
			if s.upper.Compare(floor) <= 0 {
				return Key{}, nil, false, nil
			}
			if rec, ok := s.read(); ok {
				return s.upper, rec, true, nil
			}
			s.exact = false
		case !s.exact && s.upper.Compare(floor.Next()) <= 0:
			return Key{}, nil, false, nil
		default:
			if s.upper.Compare(limit) > 0 {
				s.upper = limit
			}
			s.exact = false
			if err := w.refine(ctx, s); err != nil {
				return Key{}, nil, false, err
			}
		}
		if len(w.heap) > 0 {
			heap.Fix(&w.heap, 0)
		}
	}
	return Key{}, nil, false, nil
}

// refine comes closer to the next record of the first source: it finds the record, reads more of
// the file, or removes the source.
func (w *Walk) refine(ctx context.Context, s *source) error {
	if s.find() {
		return nil
	}
	if err := w.a.acquire(ctx); err != nil {
		return err
	}
	defer w.a.release()
	var more bool
	var err error
	if s.f.covers(s.upper) {
		more, err = w.load(ctx, s)
	} else {
		more, err = true, w.a.extend(ctx, s.f, s.upper, step)
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.a.skip(s.f, err)
	}
	if !more || err != nil {
		w.unload(s)
		heap.Pop(&w.heap)
	}
	return nil
}

// find finds the next record in the block.
func (s *source) find() bool {
	n := before(s.block, s.upper)
	if n == 0 {
		return false
	}
	s.next, s.upper, s.exact = s.block[n-1], s.block[n-1].key, true
	return true
}

// load loads the block with the next record, and finds the record in it. more is false if the
// file has no block before.
func (w *Walk) load(ctx context.Context, s *source) (more bool, err error) {
	from, to, more := s.f.blockBefore(s.upper)
	if !more {
		return false, nil
	}
	w.unload(s)
	if len(w.loads) == maxLoads {
		w.unload(w.loads[0])
	}
	if s.in, err = os.Open(s.f.path); err != nil {
		s.in = nil
		return false, err
	}
	w.loads = append(w.loads, s)
	if s.block, err = w.a.entries(ctx, s.in, from, to); err != nil {
		return false, err
	}
	if !s.find() { // its records are damaged since they are in the index
		s.upper = s.f.keyAt(from)
	}
	return true, nil
}

// read returns the next record, which was found. ok is false if it is not there any more.
func (s *source) read() (rec []byte, ok bool) {
	in := s.in
	if in == nil { // those of others took the place of its block
		var err error
		if in, err = os.Open(s.f.path); err != nil {
			return nil, false
		}
		defer func() { _ = in.Close() }()
	}
	framed := make([]byte, tape.FrameHeaderLen+s.next.length)
	if _, err := in.ReadAt(framed, s.next.offset-tape.FrameHeaderLen); err != nil {
		return nil, false
	}
	rec = framed[tape.FrameHeaderLen:]
	key, ok := KeyOf(rec)
	return rec, ok && key == s.next.key && tape.Checksum(rec) == binary.BigEndian.Uint32(framed[4:])
}

// unload drops the block of a source.
func (w *Walk) unload(s *source) {
	if s.in == nil {
		return
	}
	_ = s.in.Close()
	s.in, s.block = nil, nil
	w.loads = slices.DeleteFunc(w.loads, func(other *source) bool { return other == s })
}

// Close ends the walk.
func (w *Walk) Close() {
	for len(w.loads) > 0 {
		w.unload(w.loads[0])
	}
}

// sources are a heap: the one whose next record may be the newest is the first.
type sources []*source

// Len implements heap.Interface.
func (s sources) Len() int { return len(s) }

// Less implements heap.Interface.
func (s sources) Less(i, j int) bool {
	if c := s[i].upper.Compare(s[j].upper); c != 0 {
		return c > 0
	}
	return s[i].exact && !s[j].exact
}

// Swap implements heap.Interface.
func (s sources) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface.
func (s *sources) Push(x any) {
	if x, ok := x.(*source); ok {
		*s = append(*s, x)
	}
}

// Pop implements heap.Interface.
func (s *sources) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return x
}
