package milterfx

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
