package middleware

import "sync"

// perLane is what a middleware has one of for each lane that it is put on. A
// lane is told by its slot, of which there is one for a middleware and lane.
type perLane[Slot comparable, T any] struct {
	mu   sync.Mutex
	make func() T
	made map[Slot]T
}

func newPerLane[Slot comparable, T any](fn func() T) *perLane[Slot, T] {
	return &perLane[Slot, T]{make: fn, made: make(map[Slot]T)}
}

func (p *perLane[Slot, T]) of(slot Slot) T {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, ok := p.made[slot]
	if !ok {
		one = p.make()
		p.made[slot] = one
	}
	return one
}
