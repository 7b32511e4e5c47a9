package beside

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Group is like a [sync.WaitGroup] whose functions may panic: Wait panics in their place. The
// framework answers for a handler that panics. For a goroutine that does, the program would end.
// The zero value is ready to use.
type Group struct {
	running sync.WaitGroup
	once    sync.Once
	cause   error // of the first panic, or nil
}

// Go runs a function in a goroutine.
func (g *Group) Go(f func()) {
	g.running.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				g.once.Do(func() { g.cause = fmt.Errorf("panic: %v\n%s", v, debug.Stack()) })
			}
		}()
		f()
	})
}

// Wait waits for all functions. If one has panicked, it panics with an error that has the value and
// the stack of the first.
func (g *Group) Wait() {
	g.running.Wait()
	if g.cause != nil {
		panic(g.cause)
	}
}
