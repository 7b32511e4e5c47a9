package framework

import (
	"crypto/rand"
	"log/slog"
	"slices"

	"github.com/google/uuid"
)

// sessionLog holds a session's identifier, its logger, and the attributes that
// handlers added.
type sessionLog struct {
	peer    string // names the MTA
	id      string
	log     *slog.Logger
	session notes // of the session's lines
	message notes // of the message's lines, besides
}

// sessionID returns the identifier of the SMTP session. It creates the
// identifier at its first use.
func (l *sessionLog) sessionID() string {
	if l.id == "" {
		l.id = newSessionID()
	}
	return l.id
}

// newSessionID returns a random UUID (RFC 9562, version 4). It does what uuid.NewString does
// with one allocation less, because a recorded session has an identifier in any case.
func newSessionID() string {
	var id uuid.UUID
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}

// logger returns base with the identifier, the peer and the attributes that
// handlers added.
func (l *sessionLog) logger(base *slog.Logger) *slog.Logger {
	return l.message.on(l.session.on(l.plain(base)))
}

// plain returns base with the identifier and the peer only.
func (l *sessionLog) plain(base *slog.Logger) *slog.Logger {
	if l.log == nil {
		l.log = base.With("session", l.sessionID(), "peer", l.peer)
	}
	return l.log
}

// annotate adds attributes to the lines of the message or of the session.
func (l *sessionLog) annotate(message bool, attrs []slog.Attr) {
	if message {
		l.message.add(attrs)
		return
	}
	l.session.add(attrs)
	l.message.log = nil
}

// has reports whether the lines of the message have an attribute with the key.
func (l *sessionLog) has(key string) bool { return l.session.has(key) || l.message.has(key) }

// renew drops the identifier, because the MTA begins another SMTP session.
func (l *sessionLog) renew() { l.id, l.log = "", nil }

// notes are attributes that were added to a logger.
type notes struct {
	attrs []slog.Attr
	log   *slog.Logger // with them, made at its first use
}

func (n *notes) add(attrs []slog.Attr) { n.attrs, n.log = append(n.attrs, attrs...), nil }

// on returns the logger with the attributes. It copies the attributes, because a
// handler may retain the logger and the slice is reused.
func (n *notes) on(log *slog.Logger) *slog.Logger {
	if len(n.attrs) == 0 {
		return log
	}
	if n.log == nil {
		n.log = slog.New(log.Handler().WithAttrs(slices.Clone(n.attrs)))
	}
	return n.log
}

// has reports whether an attribute with the key was added.
func (n *notes) has(key string) bool {
	return slices.ContainsFunc(n.attrs, func(a slog.Attr) bool { return a.Key == key })
}

// reset drops the attributes and keeps their memory.
func (n *notes) reset() {
	clear(n.attrs)
	n.attrs, n.log = n.attrs[:0], nil
}
