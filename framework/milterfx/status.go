package milterfx

import (
	"net"
	"slices"
	"sync"
)

// State is the state of a server. A server advances through the states in order
// and never returns to an earlier one.
type State int

// The states.
const (
	// Starting means that no address is bound yet.
	Starting State = iota
	// Ready means that all addresses are bound and MTAs are served.
	Ready
	// Draining means that the server accepts no new MTAs, and that
	// connected MTAs finish their messages.
	Draining
	// Stopped means that all connections are closed.
	Stopped
)

// String returns the name of the state in lower case.
func (s State) String() string {
	names := [...]string{"starting", "ready", "draining", "stopped"}
	if s < Starting || s > Stopped {
		return "unknown"
	}
	return names[s]
}

// Status reports the state of a server. Its methods are safe for concurrent
// use.
type Status struct {
	// notifyMu is held while watchers are called, so that they see the
	// changes in order. mu guards the other fields, so that watchers can
	// read them.
	notifyMu sync.Mutex
	watchers []func(State)

	mu         sync.RWMutex
	state      State
	addrs      []net.Addr
	inherited  bool
	handedOver bool
	successor  int
}

// State returns the current state.
func (s *Status) State() State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state
}

// Ready reports whether MTAs are served. It is suitable for a readiness probe.
func (s *Status) Ready() bool { return s.State() == Ready }

// Addrs returns the bound addresses, in the order of Config.Listen, with the
// ports that the system chose. It is empty before Ready.
func (s *Status) Addrs() []net.Addr {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.addrs)
}

// Watch calls fn immediately with the current state, and then with every new
// state, in order and never concurrently. The server waits for fn to return
// before it goes on, and so does an application that stops. Therefore fn must
// not block. It must not call Watch. The last call is for Stopped.
func (s *Status) Watch(fn func(State)) {
	s.notifyMu.Lock()
	defer s.notifyMu.Unlock()
	s.watchers = append(s.watchers, fn)
	fn(s.State())
}

// setReady stores the bound addresses and advances to Ready.
func (s *Status) setReady(addrs []net.Addr) {
	s.mu.Lock()
	s.addrs = addrs
	s.mu.Unlock()
	s.advance(Ready)
}

// advance moves to a later state and calls the watchers. It does nothing if the
// state was already reached.
func (s *Status) advance(to State) {
	s.notifyMu.Lock()
	defer s.notifyMu.Unlock()
	if !s.setState(to) {
		return
	}
	for _, fn := range s.watchers {
		fn(to)
	}
}

func (s *Status) setState(to State) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to <= s.state {
		return false
	}
	s.state = to
	return true
}

// Inherit records that another process served the addresses before and hands
// them over to this process. The function that opens the sockets calls Inherit,
// before [Ready].
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

// HandOver records that another process has taken over the addresses, so that
// the service continues when this process ends. pid is its process ID, or 0 if
// it is unknown. HandOver must be called before [Draining].
func (s *Status) HandOver(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handedOver, s.successor = true, pid
}

// Successor returns the process ID that was passed to [Status.HandOver], and
// whether HandOver was called.
func (s *Status) Successor() (pid int, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.successor, s.handedOver
}
