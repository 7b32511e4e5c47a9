package logattr

import (
	"log/slog"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/middleware"
)

// maxQueueID limits the length of a queue ID in a line, in bytes. Those of mail servers are
// shorter.
const maxQueueID = 100

// Of returns an attribute, or an empty attribute, which slog ignores, if the value is zero.
func Of[T comparable](key string, value T) slog.Attr {
	var zero T
	if value == zero {
		return slog.Attr{}
	}
	return slog.Any(key, value)
}

// QueueID returns the attribute for the message's queue ID in a line of the session's logger. It
// is an empty attribute, which slog ignores, if the MTA has not sent a queue ID, or if
// [middleware.Macros] adds it to each line.
func QueueID(s *framework.Session) slog.Attr {
	if middleware.LogsMacro(s, middleware.MacroQueueID) {
		return slog.Attr{}
	}
	return Of("queue_id", message.CleanLine(s.QueueID(), maxQueueID))
}
