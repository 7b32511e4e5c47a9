package framework

import (
	"context"
	"errors"
	"sync"
)

// sessionContext holds the contexts of a session and of the message under way,
// each made when somebody asks. The watch cancels them from another goroutine,
// hence the lock.
type sessionContext struct {
	mu      sync.Mutex
	session scope
	message scope
}

// scope is a context that is made when somebody asks. It may fail, and be given
// values, before that.
type scope struct {
	ctx    *valueContext
	cancel context.CancelCauseFunc
	cause  error
	values *contextValue
}

func (c *sessionContext) scope(message bool) *scope {
	if message {
		return &c.message
	}
	return &c.session
}

// values returns what was set. A message has what its session has: nothing is
// added to that while a message is under way.
func (c *sessionContext) values(message bool) *contextValue {
	if message && c.message.values != nil {
		return c.message.values
	}
	return c.session.values
}

func (c *sessionContext) get(base context.Context, message bool) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	if s.ctx == nil {
		s.ctx = new(valueContext)
		s.ctx.Context, s.cancel = context.WithCancelCause(base)
		s.ctx.values.Store(c.values(message))
		if s.cause != nil {
			s.cancel(s.cause)
		}
	}
	return s.ctx
}

// set adds a value to a context, and to those that were derived from it.
func (c *sessionContext) set(message bool, key, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	s.values = &contextValue{key, value, c.values(message)}
	if s.ctx != nil {
		s.ctx.values.Store(s.values)
	}
}

// value returns a value that a context has, without making one.
func (c *sessionContext) value(base context.Context, message bool, key any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values(message).find(base, key)
}

// fail ends the context of the message, or outside of one the session's, and
// every one that is asked for before revive.
func (c *sessionContext) fail(message bool, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scope(message).fail(cause)
}

func (s *scope) fail(cause error) {
	if s.cause == nil {
		s.cause = cause
	}
	if s.cancel != nil {
		s.cancel(cause)
	}
}

// gone ends both contexts: the MTA went away.
func (c *sessionContext) gone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.message.fail(ErrPeerGone)
	c.session.fail(ErrPeerGone)
}

// revive gives the handlers to come a context of their own, after one ran past
// a deadline that was its alone.
func (c *sessionContext) revive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range [...]*scope{&c.message, &c.session} {
		if errors.Is(s.cause, ErrHandlerTimeout) {
			*s = scope{values: s.values}
		}
	}
}

// over ends the context of the message, or the session's, and makes room for
// the next one.
func (c *sessionContext) over(message bool, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	if s.cancel != nil {
		s.cancel(cause)
	}
	*s = scope{}
}
