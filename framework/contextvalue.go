package framework

import (
	"context"
	"reflect"
	"sync/atomic"
)

// CallWithContext calls next with ctx as what [Session.Context] returns, and
// restores the context before that when next returns or panics. It is for
// middleware. ctx must be derived from what Context returned, so that it ends when
// that does:
//
//	ctx, span := tracer.Start(s.Context(), "filter")
//	defer span.End()
//	return s.CallWithContext(ctx, next, ev)
func (s *Session) CallWithContext(ctx context.Context, next Handler, ev Event) (Verdict, error) {
	before := s.wrapped
	s.wrapped = ctx
	defer func() { s.wrapped = before }()
	return next(s, ev)
}

// SetContextValue adds a value to the contexts that [Session.Context] returns,
// those that were made before and what is derived from them included: until the
// message ends, or outside of a message until the session does, in the contexts
// of its messages as well. The key follows the rules of context.WithValue.
func (s *Session) SetContextValue(key, value any) {
	if key == nil || !reflect.TypeOf(key).Comparable() {
		panic("framework: SetContextValue with a key that cannot be compared")
	}
	s.context.set(s.inMessage, key, value)
}

// ContextValue returns the value that [Session.Context] has for a key. It spares
// the making of a context where none was made.
func (s *Session) ContextValue(key any) any {
	if s.wrapped != nil {
		return s.wrapped.Value(key)
	}
	return s.context.value(s.link.base, s.inMessage, key)
}

// valueContext is a context that is given more values while it is in use.
type valueContext struct {
	context.Context //nolint:containedctx // it is one itself
	values          atomic.Pointer[contextValue]
}

// Value implements context.Context.
func (c *valueContext) Value(key any) any { return c.values.Load().find(c.Context, key) }

// contextValue is a value, and those that were set before it.
type contextValue struct {
	key, value any
	before     *contextValue
}

// find returns the latest value of a key, or what the context below has.
func (v *contextValue) find(below context.Context, key any) any {
	for ; v != nil; v = v.before {
		if v.key == key {
			return v.value
		}
	}
	return below.Value(key)
}
