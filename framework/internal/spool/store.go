package spool

import (
	"errors"
	"sync"
)

var (
	// ErrFull reports a body that is larger than Store.Limit.
	ErrFull = errors.New("spool: body exceeds the limit")
	// ErrNoRoom reports that the budget for files, the disk or the file
	// descriptors are used up. A later attempt may succeed.
	ErrNoRoom = errors.New("spool: no room for the body")
	// ErrGone reports the use of a reader after its body was discarded.
	ErrGone = errors.New("spool: body was discarded")
)

// Store holds the budgets and settings that a server's spools share. The zero
// value keeps every body in memory, without limits. A Store must not be copied.
// Its fields must not be changed after the first New.
type Store struct {
	// Memory limits the memory of all spools. A body that does not fit goes
	// to a file. Disk limits the size of all files.
	Memory, Disk Budget
	// Threshold is the maximum size of a body in memory. Zero means no
	// maximum.
	Threshold int64
	// Limit is the maximum size of a body. Zero means no limit.
	Limit int64
	// Dir is the directory for the files. It defaults to os.TempDir.
	Dir string

	small, large sync.Pool
}

// The sizes of the blocks that a body in memory consists of. The first block is
// small, and most mail fits in it. All others are large. Because a body grows
// by blocks, growing copies nothing, and the budget accounts for exactly the
// memory in use.
const (
	smallBlock = 8 << 10
	largeBlock = 64 << 10
)

// New returns an empty spool.
func (st *Store) New() Spool { return Spool{store: st} }

// take returns a block, or nil if the memory budget refuses it.
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
