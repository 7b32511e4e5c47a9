package ledger

import "sync"

// Pool keeps the memory of ledgers from one message to the next. A server's
// sessions share one, so that those which wait between messages hold none. The
// zero value is ready to use; a pool must not be copied.
type Pool struct{ memories sync.Pool }

// memory is what grows with a header.
type memory struct {
	fields []field // by ID-1
	order  []ID    // top to bottom, deleted fields included
	arena  []byte  // what the MTA showed
	blind  []blindEdit
}

// empty forgets what is in the memory, and the memory itself where it is more
// than a message usually needs.
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

// borrow gets memory from the pool, before the first field or edit of a message.
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
