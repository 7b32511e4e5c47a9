package ledger

import (
	"bytes"
	"sync"
)

// Pool reuses the memory of ledgers. The sessions of a server share a pool, so
// that a session that waits between messages holds no memory. The zero value is
// ready to use. A Pool is safe for concurrent use and must not be copied.
type Pool struct{ memories sync.Pool }

// memory is the part of a ledger that grows with the header.
type memory struct {
	fields []field // by ID-1
	order  []ID    // top to bottom, deleted fields included
	block  []byte  // the latest names and values that the MTA showed
	stored int     // their bytes, including those in earlier blocks
}

// The sizes of the blocks for names and values.
const (
	smallestBlock = 4 << 10
	largestBlock  = 64 << 10
)

// store copies a name or a value into a block. A header takes more blocks as it
// grows, instead of a larger one: that would copy the whole header each time, and
// hold it twice meanwhile. A block is at most a quarter of what is stored, so that
// the end of the last block, which is unused, is small beside it.
func (m *memory) store(b []byte) []byte {
	m.stored += len(b)
	if len(b) > cap(m.block)-len(m.block) {
		size := min(max(m.stored/4, smallestBlock), largestBlock)
		if len(b) > size/4 {
			return bytes.Clone(b) // the rest of the block is left for smaller ones
		}
		m.block = make([]byte, 0, size)
	}
	from := len(m.block)
	m.block = append(m.block, b...)
	return m.block[from:len(m.block):len(m.block)]
}

// empty removes the contents. It releases memory beyond the usual need of a
// message, and keeps one block that the next message fits into if it is as large.
func (m *memory) empty() {
	const usualFields = 256
	if m.stored > cap(m.block) && m.stored <= largestBlock {
		m.block = make([]byte, 0, m.stored+m.stored/4)
	}
	if cap(m.fields) > usualFields {
		m.fields, m.order = nil, nil
	}
	clear(m.fields)
	m.fields, m.order = m.fields[:0], m.order[:0]
	m.block, m.stored = m.block[:0], 0
}

// borrow takes memory from the pool before the first field or edit of a
// message.
func (l *Ledger) borrow() {
	if l.Pool == nil || l.lent != nil {
		return
	}
	if m, ok := l.Pool.memories.Get().(*memory); ok {
		l.lent, l.memory = m, *m
		return
	}
	l.lent = new(memory)
}

// giveBack returns the memory to the pool.
func (l *Ledger) giveBack() {
	if l.lent == nil {
		return
	}
	*l.lent = l.memory
	l.Pool.memories.Put(l.lent)
	l.memory, l.lent = memory{}, nil
}
