package taping

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// NoFilter stands for the index of a filter where none is known.
const NoFilter = -1

// Notes are the notes of a session and of its open message. The methods may be called by any
// goroutine.
type Notes struct {
	epoch   time.Time
	limit   int          // the size of each list, in bytes
	running atomic.Int32 // the index of the filter that runs, or NoFilter
	noted   atomic.Bool  // there has been a list

	mu               sync.Mutex
	message, session *NoteList // made at their first use
}

// Of returns the list of the open message or of the session.
func (n *Notes) Of(message bool) *NoteList {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := &n.session
	if message {
		at = &n.message
	}
	if *at == nil {
		*at = &NoteList{of: n, tape: tape.NewWriter(n.limit)}
		n.noted.Store(true)
	}
	return *at
}

// Running returns the index of the filter that runs, or NoFilter.
func (n *Notes) Running() int { return int(n.running.Load()) }

// since returns a time as records have it. It is never zero.
func (n *Notes) since(t time.Time) uint64 { return uint64(max(1, t.Sub(n.epoch))) }

// endMessage passes the notes of the message and those of the session to write, and ends those
// of the message.
func (n *Notes) endMessage(write func(*tape.Writer)) {
	if !n.noted.Load() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session.take(write, false)
	n.message.take(write, true)
	n.message = nil
}

// endSession ends the notes of the session.
func (n *Notes) endSession() {
	if !n.noted.Load() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session.take(func(*tape.Writer) {}, true)
	n.session = nil
}

// NoteList has the notes of one message, or of a session.
type NoteList struct {
	of   *Notes // for what does not change
	mu   sync.Mutex
	tape tape.Writer
	over bool
}

// Add adds a note about work that lasted from began until now. If its filter is NoFilter, the
// note gets the filter that runs. Nothing is added once the message or session is over.
func (l *NoteList) Add(n tape.Note, began time.Time) {
	if n.Filter == NoFilter {
		n.Filter = l.of.Running()
	}
	now := l.of.since(time.Now())
	n.Began = min(l.of.since(began), now)
	n.Took = now - n.Began
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.tape.Note(&n)
	}
}

// take passes the notes to write. over ends them. A nil list has none.
func (l *NoteList) take(write func(*tape.Writer), over bool) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	write(&l.tape)
	l.over = l.over || over
}
