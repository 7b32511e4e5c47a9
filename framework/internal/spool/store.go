package spool

import (
	"errors"
	"sync"
)

var (
	// ErrFull reports a body that is larger than one may be.
	ErrFull = errors.New("spool: the body is larger than the limit")
	// ErrNoRoom reports that the budgets, the disk or the descriptors are
	// used up. Later there may be room.
	ErrNoRoom = errors.New("spool: no room for the body")
	// ErrGone reports a reader that was kept for longer than its body.
	ErrGone = errors.New("spool: the body is no longer kept")
)

// Store is what the spools of a server share. The zero value keeps everything
// in memory and knows no limits. It must not be copied, and its fields not be
// changed once a spool was made.
type Store struct {
	// Memory bounds the memory of all spools; where it is used up, a file is
	// used. Disk bounds their files.
	Memory, Disk Budget
	// Threshold is the size up to which one body is kept in memory; zero
	// means any.
	Threshold int64
	// Limit is the most that one body may have; zero means no limit.
	Limit int64
	// Dir is where the files are made; "" means os.TempDir.
	Dir string

	small, large sync.Pool
}

// A body is kept in blocks: a small one first, that most mail fits in, and then
// large ones. So growing copies nothing, and what is accounted is what is there.
const (
	smallBlock = 8 << 10
	largeBlock = 64 << 10
)

// New returns an empty spool.
func (st *Store) New() Spool { return Spool{store: st} }

// take returns a block that is within the budget, or nil.
func (st *Store) take(size int) []byte {
	if !st.Memory.Take(int64(size)) {
		return nil
	}
	if size == smallBlock {
		if b, ok := st.small.Get().(*[smallBlock]byte); ok {
			return b[:]
		}
		return new([smallBlock]byte)[:]
	}
	if b, ok := st.large.Get().(*[largeBlock]byte); ok {
		return b[:]
	}
	return new([largeBlock]byte)[:]
}

func (st *Store) give(block []byte) {
	if len(block) == smallBlock {
		st.small.Put((*[smallBlock]byte)(block))
	} else {
		st.large.Put((*[largeBlock]byte)(block))
	}
	st.Memory.Give(int64(len(block)))
}
