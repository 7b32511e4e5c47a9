package middleware

import (
	"log/slog"

	"github.com/sluicemail/sluice/framework"
)

// appendHandler appends the attributes that say which handler a line is about:
// its filter and stage, and the message's queue ID if it is known. ofSession
// says that the line goes to the session's logger, to which [Macros] may have
// added the queue ID already.
func appendHandler(attrs []slog.Attr, s *framework.Session, filter string, stage framework.Stage, ofSession bool) []slog.Attr {
	attrs = append(attrs, slog.String("filter", filter), slog.String("stage", stage.String()))
	id := s.QueueID()
	if id == "" || ofSession && LogsMacro(s, MacroQueueID) {
		return attrs
	}
	return append(attrs, slog.String("queue_id", Printable(id, maxKey)))
}
