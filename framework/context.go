package framework

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework/internal/taping"
)

// contexts holds the contexts of a session and of its open message. Each is created
// when a handler asks for it. The mutex is necessary because the watchdog cancels
// the contexts from another goroutine.
type contexts struct {
	wrapped context.Context //nolint:containedctx // set by CallWithContext, for one handler

	notes *taping.Notes // or nil

	mu      sync.Mutex
	session contextScope
	message contextScope
	async   [2]asyncScope // of the session and of the message
}

// asyncScope is the context above those of functions that run beside the session. It ends
// with the session or the message, and not with a handler's deadline.
type asyncScope struct {
	ctx    context.Context //nolint:containedctx // the parent of others
	cancel context.CancelCauseFunc
}

// end cancels the context if there is one, and drops it.
func (a *asyncScope) end(cause error) {
	if a.cancel != nil {
		a.cancel(cause)
	}
	*a = asyncScope{}
}

func (c *contexts) asyncScope(message bool) *asyncScope {
	if message {
		return &c.async[1]
	}
	return &c.async[0]
}

// ofAsync returns the context above those of functions that run beside the session.
func (c *contexts) ofAsync(base context.Context, message bool) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.asyncScope(message)
	if a.ctx == nil {
		a.ctx, a.cancel = context.WithCancelCause(base)
	}
	return a.ctx
}

// valuesOf returns the values that were set so far.
func (c *contexts) valuesOf(message bool) *contextValue {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(message)
	return c.values(message)
}

// tell adds the value by which RecordNote finds the recording.
func (c *contexts) tell(message bool) {
	s := c.scope(message)
	if c.notes == nil || s.told {
		return
	}
	s.told = true
	s.values = &contextValue{noteKey{}, &noteSource{c.notes.Of(message), taping.NoFilter}, c.values(message)}
	if s.ctx != nil {
		s.ctx.values.Store(s.values)
	}
}

// contextScope is a context that is created on demand. It may be cancelled, and
// values may be added, before it is created.
type contextScope struct {
	ctx    *valueContext
	cancel context.CancelCauseFunc
	cause  error
	values *contextValue
	told   bool // values has that of RecordNote
}

func (c *contexts) scope(message bool) *contextScope {
	if message {
		return &c.message
	}
	return &c.session
}

// values returns the values that were set. A message also has the values of its
// session, which do not change while a message is open.
func (c *contexts) values(message bool) *contextValue {
	if message && c.message.values != nil {
		return c.message.values
	}
	return c.session.values
}

// get returns the context of the message or of the session.
func (c *contexts) get(base context.Context, message bool) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	c.tell(message)
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

// set adds a value to a context, and to the contexts that were derived from it.
func (c *contexts) set(message bool, key, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	s.values = &contextValue{key, value, c.values(message)}
	if s.ctx != nil {
		s.ctx.values.Store(s.values)
	}
}

// value returns a value of a context without creating the context.
func (c *contexts) value(base context.Context, message bool, key any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values(message).find(base, key)
}

// fail cancels the context of the message or of the session. Until revive is
// called, new contexts are created already cancelled.
func (c *contexts) fail(message bool, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scope(message).fail(cause)
}

// peerGone cancels both contexts after the MTA closed the connection.
func (c *contexts) peerGone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.message.fail(ErrPeerGone)
	c.session.fail(ErrPeerGone)
	for i := range c.async {
		c.async[i].end(ErrPeerGone)
	}
}

// ended returns why the context of the message or of the session has ended, or nil.
func (c *contexts) ended(base context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range [...]*contextScope{&c.message, &c.session} {
		if s.cause != nil {
			return s.cause
		}
	}
	return context.Cause(base)
}

// revive makes the next handlers get a new context, after one handler ran past
// its deadline.
func (c *contexts) revive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range [...]*contextScope{&c.message, &c.session} {
		if errors.Is(s.cause, ErrHandlerTimeout) {
			*s = contextScope{values: s.values, told: s.told}
		}
	}
}

// end cancels the context of the message or of the session, and drops it.
func (c *contexts) end(message bool, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.scope(message)
	if s.cancel != nil {
		s.cancel(cause)
	}
	*s = contextScope{}
	c.asyncScope(message).end(cause)
}

func (s *contextScope) fail(cause error) {
	if s.cause == nil {
		s.cause = cause
	}
	if s.cancel != nil {
		s.cancel(cause)
	}
}

// valueContext is a context to which values are added while it is in use.
type valueContext struct {
	context.Context //nolint:containedctx // it is one itself
	values          atomic.Pointer[contextValue]
}

// Value implements context.Context.
func (c *valueContext) Value(key any) any { return c.values.Load().find(c.Context, key) }

// contextValue is a value in a linked list, with the values that were set
// before it.
type contextValue struct {
	key, value any
	before     *contextValue
}

// find returns the latest value of a key. If there is none, it returns the value
// of the context below.
func (v *contextValue) find(below context.Context, key any) any {
	for ; v != nil; v = v.before {
		if v.key == key {
			return v.value
		}
	}
	return below.Value(key)
}
