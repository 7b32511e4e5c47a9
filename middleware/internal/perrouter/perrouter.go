// Package perrouter gives middleware something of its own for each router that
// it is put on: what all routes of a router share, whatever their lanes.
package perrouter

import (
	"sync"

	"github.com/sluicemail/sluice/framework"
)

// Of finds a T by the route that middleware is asked to wrap.
type Of[T any] struct {
	make  func(rt *framework.Route) *T
	slots func(rt *framework.Route) framework.Slot[struct{}]

	mu      sync.Mutex
	lanes   map[framework.Slot[struct{}]]*T
	routers map[framework.Macro]*T
}

// New returns where the things are kept that fn makes. It is called at the first
// route of each router that is wrapped.
func New[T any](fn func(rt *framework.Route) *T) *Of[T] {
	return &Of[T]{
		make: fn, slots: framework.PerMessageOn[struct{}](),
		lanes: make(map[framework.Slot[struct{}]]*T), routers: make(map[framework.Macro]*T),
	}
}

// On returns what belongs to the router of the route. It has each lane want the
// queue id at the end of the message, which opens no stage: the handle tells the
// routers apart.
func (o *Of[T]) On(rt *framework.Route) *T {
	lane := o.slots(rt)
	o.mu.Lock()
	defer o.mu.Unlock()
	if t, ok := o.lanes[lane]; ok {
		return t
	}
	router := rt.WantMacro(framework.StageEndOfMessage, "i")
	t, ok := o.routers[router]
	if !ok {
		t = o.make(rt)
		o.routers[router] = t
	}
	o.lanes[lane] = t
	return t
}
