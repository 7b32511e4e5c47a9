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

// scope is a context that is made when somebody asks. It may fail before that.
type scope struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	cause  error
	values [][2]any // in the order in which they were set
}

func (c *sessionContext) scope(message bool) *scope {
	if message {
		return &c.message
	}
	return &c.session
}

func (c *sessionContext) get(base context.Context, message bool) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancelCause(base)
		for _, v := range s.values {
			s.ctx = context.WithValue(s.ctx, v[0], v[1])
		}
		if s.cause != nil {
			s.cancel(s.cause)
		}
	}
	return s.ctx
}

// set adds a value to a context.
func (c *sessionContext) set(base context.Context, message bool, key, value any) {
	ctx := c.get(base, message)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	s.ctx = context.WithValue(ctx, key, value)
	s.values = append(s.values, [2]any{key, value})
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
