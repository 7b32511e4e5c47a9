package mta

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Origin says how a [Response] came about.
type Origin string

// The origins.
const (
	// Answered: the filter said so.
	Answered Origin = "answered"
	// NotAwaited: the filter had negotiated that it does not answer
	// (SMFIP_NR_…).
	NotAwaited Origin = "no reply"
	// NotSent: the filter had negotiated not to be sent this (SMFIP_NO…),
	// or the protocol version does not have it.
	NotSent Origin = "not sent"
	// Skipped: the filter had answered SMFIR_SKIP to the event before.
	Skipped Origin = "skipped"
)

// Response is what a stage came to. It may be kept.
type Response struct {
	// Code is RepContinue, RepAccept, RepReject, RepTempFail, RepDiscard,
	// RepReplyCode, RepSkip or RepShutdown. It is RepContinue unless the
	// filter answered.
	Code wire.ReplyCode
	// SMTP is the reply in the filter's own words, with RepReplyCode only.
	SMTP *wire.SMTPReply
	// Origin says where the response comes from.
	Origin Origin
}

// Refuses reports whether the response turns down the client, the message or
// the recipient: a reject, a temporary failure, a reply of the filter's own
// or a shutdown.
func (r Response) Refuses() bool {
	switch r.Code {
	case wire.RepReject, wire.RepTempFail, wire.RepReplyCode, wire.RepShutdown:
		return true
	default:
		return false
	}
}

// Final reports whether the filter has had its last word on the message, or on
// the session when the stage is Connect or Helo.
func (r Response) Final() bool {
	return r.Refuses() || r.Code == wire.RepAccept || r.Code == wire.RepDiscard
}

// Lines returns the SMTP reply that the client is given, in the words of
// Postfix where the filter has none of its own, or nil when it does not
// refuse.
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

// String returns the C name of the reply and what the SMTP client is told, or
// why there is none.
func (r Response) String() string {
	switch {
	case r.Origin != Answered:
		return string(r.Origin)
	case r.Code == wire.RepReplyCode:
		return r.Code.String() + " " + strings.Join(r.Lines(), " / ")
	}
	return r.Code.String()
}
