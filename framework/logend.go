package framework

import (
	"errors"
	"log/slog"

	"github.com/sluicemail/sluice/wire"
)

// logEnd logs and counts how a connection ended. A port probe, a health check, or
// who speaks another protocol, is no news; an MTA that broke this one is.
func (s *Session) logEnd(err error) {
	level, msg := slog.LevelDebug, "MTA connection ended"
	attrs := []any{"reason", err}
	if errors.Is(err, errStranger) {
		msg = "connection is not an MTA's"
	} else if _, ok := errors.AsType[*missingActionError](err); ok {
		level, msg = slog.LevelError, "negotiation refused"
		s.link.counters.negotiationsNo.Add(1)
	} else if failed, ok := errors.AsType[*PanicError](err); ok {
		level, msg = slog.LevelError, "session failed"
		attrs = append(attrs, "stack", string(failed.Stack))
	} else if _, ok := errors.AsType[*wire.ProtocolError](err); ok || errors.Is(err, wire.ErrNotImplemented) {
		level, msg = slog.LevelWarn, "MTA connection broke the protocol"
		s.link.counters.protocolErrors.Add(1)
	}
	s.Logger().Log(s.link.base, level, msg, attrs...)
}
