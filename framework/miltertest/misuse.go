package miltertest

import (
	"fmt"
	"log/slog"
)

// reportMisuse fails the test for each mistake of a filter that the framework's log shows.
func (srv *Server) reportMisuse(t T) {
	t.Helper()
	if srv.settings.wrongStages {
		return
	}
	for _, r := range srv.Logs() {
		switch attr := attrsOf(r); r.Message {
		case "call at the wrong stage": // it has no result or no effect there
			t.Errorf("miltertest: filter %q calls %s at the stage %s: %s", attr("filter"), attr("call"), attr("stage"), attr("reason"))
		case lateReader:
			t.Errorf("miltertest: %s", lateReaderComplaint(r))
		}
	}
}

// lateReader is the framework's log line about a reader of a message that is used after the
// filter's end of the message.
const lateReader = "reader used too late"

// lateReaderComplaint says what the filter did and what to do about it.
func lateReaderComplaint(r slog.Record) string {
	attr := attrsOf(r)
	return fmt.Sprintf("filter %q uses a reader of %s after its end of the message: read it in the handler, or pass it to ReplaceFrom",
		attr("filter"), attr("call"))
}

// attrsOf returns a function that returns the attributes of a record as text.
func attrsOf(r slog.Record) func(key string) string {
	return func(key string) string {
		v, _ := LogAttr(r, key)
		return v.String()
	}
}

// lateReaders sends the messages over one connection, each of them twice, and looks for
// readers that the filter uses after their end.
func (s *suite) lateReaders(t T) {
	t.Helper()
	srv := s.serve(t)
	conn := srv.Dial(t)
	for _, msg := range s.msgs {
		msg = fromSameClient(s.msgs[0], msg)
		_, _ = send(t, conn, msg), send(t, conn, msg)
	}
	_ = conn.Quit(t.Context()) // fails if the filter closed the connection
	srv.Close(t)
	srv.tracker.remaining(endTimeout)
	for _, r := range srv.Logs() {
		if r.Message == lateReader && !s.settings.wrongStages {
			t.Errorf("%s", lateReaderComplaint(r))
		}
	}
}
