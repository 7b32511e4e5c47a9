package framework

// Annotate adds attributes to the lines that [Session.Logger] writes from now
// on, given as to slog.Logger.With: until the message ends, or outside of a
// message until the session does.
func (s *Session) Annotate(args ...any) {
	if s.inMessage {
		s.note = s.Logger().With(args...)
		return
	}
	s.log = s.Logger().With(args...)
}

// SetContextValue adds a value to the contexts that [Session.Context] returns
// from now on: until the message ends, or outside of a message to those of the
// session. The key follows the rules of context.WithValue.
func (s *Session) SetContextValue(key, value any) {
	s.context.set(s.link.base, s.inMessage, key, value)
}
