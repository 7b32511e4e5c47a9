package milterfx

import (
	"net"
	"slices"
	"sync"
)

// State is where a server is in its life. It only ever goes forward.
type State int

// The states.
const (
	// Starting: nothing is bound yet.
	Starting State = iota
	// Ready: all addresses are bound, and MTAs are served.
	Ready
	// Draining: no new MTAs are served; those that are there finish.
	Draining
	// Stopped: all connections are closed.
	Stopped
)

// String returns the state's name in lower case.
func (s State) String() string {
	names := [...]string{"starting", "ready", "draining", "stopped"}
	if s < Starting || s > Stopped {
		return "unknown"
	}
	return names[s]
}

// Status tells how a server is. Its methods may be called from any goroutine.
type Status struct {
	// turn is held while a change is told, so that changes are told in
	// order; mu guards the fields alone, so that watchers may read them.
	turn     sync.Mutex
	watchers []func(State)

	mu        sync.RWMutex
	state     State
	addrs     []net.Addr
	inherited bool
	relieved  bool
	successor int
}

// State returns the present state.
func (s *Status) State() State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state
}

// Ready reports whether MTAs are served: the answer to a readiness probe.
func (s *Status) Ready() bool { return s.State() == Ready }

// Addrs returns the addresses that were bound, in the order of Config.Listen
// and with the ports that the system chose. It is empty before Ready.
func (s *Status) Addrs() []net.Addr {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.addrs)
}

// Watch calls fn with the present state, at once, and then with every change,
// in order and one at a time. A change waits for fn, and a stopping application
// for the change: fn must not block, and must not call Watch. It is called no
// more after Stopped.
func (s *Status) Watch(fn func(State)) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.watchers = append(s.watchers, fn)
	fn(s.State())
}

// listening says that the addresses are bound.
func (s *Status) listening(addrs []net.Addr) {
	s.mu.Lock()
	s.addrs = addrs
	s.mu.Unlock()
	s.advance(Ready)
}

// advance goes on to a state, unless it was reached before.
func (s *Status) advance(to State) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.enter(to) {
		return
	}
	for _, fn := range s.watchers {
		fn(to)
	}
}

func (s *Status) enter(to State) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to <= s.state {
		return false
	}
	s.state = to
	return true
}

// Inherit says that the addresses were served by another process before, which
// hands them over to this one. Whatever opens the sockets says so, before
// [Ready].
func (s *Status) Inherit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inherited = true
}

// Inherited reports whether [Status.Inherit] was called.
func (s *Status) Inherited() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.inherited
}

// HandOver says that the process pid, or 0 if it is not known, serves the
// addresses from here on, so that the end of this process is not that of the
// service. It is said before [Draining].
func (s *Status) HandOver(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relieved, s.successor = true, pid
}

// Successor returns the process that [Status.HandOver] was called with, and
// false while there is none.
func (s *Status) Successor() (pid int, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.successor, s.relieved
}
