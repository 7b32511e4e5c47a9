package mta

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Origin is the reason for a [Response].
type Origin string

// The origins.
const (
	// Answered: the filter sent the response.
	Answered Origin = "answered"
	// NotAwaited: the filter negotiated not to reply to the event
	// (SMFIP_NR_…).
	NotAwaited Origin = "no reply"
	// NotSent: the filter negotiated not to receive the event (SMFIP_NO…),
	// or the protocol version does not have it.
	NotSent Origin = "not sent"
	// Skipped: the filter replied SMFIR_SKIP to an earlier event of this
	// kind.
	Skipped Origin = "skipped"
)

// Response is the result of one stage. It may be retained.
type Response struct {
	// Code is RepContinue, RepAccept, RepReject, RepTempFail, RepDiscard,
	// RepReplyCode, RepSkip or RepShutdown. It is RepContinue if the filter
	// did not reply.
	Code wire.ReplyCode
	// SMTP is the SMTP reply that the filter composed. It is nil unless
	// Code is RepReplyCode.
	SMTP *wire.SMTPReply
	// Origin is the reason for the response.
	Origin Origin
}

// Refuses reports whether the response refuses the client, the message or the
// recipient, by a rejection, a temporary failure, an SMTP reply or a shutdown.
func (r Response) Refuses() bool {
	switch r.Code {
	case wire.RepReject, wire.RepTempFail, wire.RepReplyCode, wire.RepShutdown:
		return true
	default:
		return false
	}
}

// Final reports whether the response ends the filter's part in the message. At
// Connect and Helo, such a response ends its part in the session.
func (r Response) Final() bool {
	return r.Refuses() || r.Code == wire.RepAccept || r.Code == wire.RepDiscard
}

// Lines returns the SMTP reply that the client receives, or nil if the response
// does not refuse. If the filter did not compose the reply, it is Postfix's.
func (r Response) Lines() []string {
	switch r.Code {
	case wire.RepReplyCode:
		return r.SMTP.Lines()
	case wire.RepReject:
		return []string{"550 5.7.1 Command rejected"}
	case wire.RepTempFail:
		return []string{"451 4.7.1 Service unavailable - try again later"}
	case wire.RepShutdown:
		return []string{"421 4.7.0 Server closing connection"}
	default:
		return nil
	}
}

// String returns the C name of the reply and the SMTP reply that the filter
// composed. If the filter did not reply, String returns the Origin.
func (r Response) String() string {
	switch {
	case r.Origin != Answered:
		return string(r.Origin)
	case r.Code == wire.RepReplyCode:
		return r.Code.String() + " " + strings.Join(r.Lines(), " / ")
	}
	return r.Code.String()
}
