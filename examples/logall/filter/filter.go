package filter

import (
	"log/slog"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// Filter logs each stage with its data and macros, as a line of the server's log
// whose message is the name of the stage. It registers observers wherever the
// protocol allows it, so that the MTA waits only at the end of message. The
// observers do nothing. [middleware.Logger] writes the lines, because it logs
// every event that a handler receives, here at the level info.
type Filter struct {
	// Limit is the maximum number of bytes of a value that are logged. 0 means
	// 256.
	Limit int
}

// Name implements [framework.Filter].
func (Filter) Name() string { return "logall" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	r.Use(middleware.Logger(middleware.LoggerConfig{
		NoMessages: true, EventLevel: slog.LevelInfo, Macros: macros(), Content: true, Limit: f.Limit,
	}))
	r.WantRawHeaders()

	r.ObserveConnect(look[framework.Connect])
	r.ObserveHelo(look[framework.Helo])
	r.ObserveMail(look[framework.Mail])
	r.ObserveRcpt(look[framework.Rcpt])
	r.ObserveRejectedRcpt(look[framework.RejectedRcpt])
	r.ObserveData(look[framework.Data])
	r.ObserveHeader(look[framework.Header])
	r.ObserveEndOfHeaders(look[framework.EndOfHeaders])
	r.ObserveBody(look[framework.Body])
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	r.ObserveUnknown(look[framework.Unknown])
	r.ObserveAbort(look[framework.Abort])
	r.ObserveClose(look[framework.Close])
	return nil
}

// look is an observer that does nothing, so that its event is sent and logged.
func look[E any](*framework.Session, *E) error { return nil }
