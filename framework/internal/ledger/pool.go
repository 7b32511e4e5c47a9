package ledger

import "sync"

// Pool reuses the memory of ledgers. The sessions of a server share a pool, so
// that a session that waits between messages holds no memory. The zero value is
// ready to use. A Pool is safe for concurrent use and must not be copied.
type Pool struct{ memories sync.Pool }

// memory is the part of a ledger that grows with the header.
type memory struct {
	fields []field // by ID-1
	order  []ID    // top to bottom, deleted fields included
	arena  []byte  // what the MTA showed
	blind  []blindEdit
}

// empty removes the contents. It releases memory beyond the usual need of a
// message.
func (m *memory) empty() {
	const usualBytes, usualFields = 64 << 10, 256
	if cap(m.arena) > usualBytes {
		m.arena = nil
	}
	if cap(m.fields) > usualFields {
		m.fields, m.order = nil, nil
	}
	clear(m.fields)
	clear(m.blind)
	m.fields, m.order, m.arena, m.blind = m.fields[:0], m.order[:0], m.arena[:0], m.blind[:0]
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
