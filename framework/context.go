package framework

import (
	"context"
	"sync"
)

// sessionContext is the context of a message or session, made when somebody
// asks. The watch cancels it from another goroutine, hence the lock.
type sessionContext struct {
	mu      sync.Mutex
	ctx     context.Context
	cancel  context.CancelCauseFunc
	message bool
	cause   error
}

func (c *sessionContext) get(base context.Context, message bool) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancelCause(base)
		c.message = message
		if c.cause != nil {
			c.cancel(c.cause)
		}
	}
	return c.ctx
}

// fail ends the context, and every one that is asked for before the next
// message.
func (c *sessionContext) fail(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
	}
	if c.cancel != nil {
		c.cancel(cause)
	}
}

// over ends the context and makes room for the next one.
func (c *sessionContext) over(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel(cause)
	}
	c.ctx, c.cancel, c.cause = nil, nil, nil
}
