package framework

import (
	"log/slog"
	"slices"
)

// Annotate adds attributes to the lines that [Session.Logger] writes from now
// on: until the message ends, or outside of a message until the session does.
// They are put into a logger when somebody asks for it.
func (s *Session) Annotate(attrs ...slog.Attr) {
	if s.inMessage {
		s.note.add(attrs)
		return
	}
	s.sessionNote.add(attrs)
	s.note.log = nil
}

// Logger returns the server's logger with the session's id and peer. It may be
// kept.
func (s *Session) Logger() *slog.Logger {
	if s.log == nil {
		s.log = s.link.cfg.Logger.With("session", s.ID(), "peer", s.link.peer)
	}
	return s.note.on(s.sessionNote.on(s.log))
}

// note is what was added to a logger.
type note struct {
	attrs []slog.Attr
	log   *slog.Logger // with them, once it was asked for
}

func (n *note) add(attrs []slog.Attr) { n.attrs, n.log = append(n.attrs, attrs...), nil }

// on returns the logger with what was added. Handlers may keep what they are
// given, and the room for attributes is used again.
func (n *note) on(log *slog.Logger) *slog.Logger {
	if len(n.attrs) == 0 {
		return log
	}
	if n.log == nil {
		n.log = slog.New(log.Handler().WithAttrs(slices.Clone(n.attrs)))
	}
	return n.log
}

// reset forgets what was added, and not the room for it.
func (n *note) reset() {
	clear(n.attrs)
	n.attrs, n.log = n.attrs[:0], nil
}
