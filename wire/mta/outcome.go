package mta

import "github.com/sluicemail/sluice/wire"

// Outcome is the result of sending a message to a filter. It may be retained.
type Outcome struct {
	// Steps are the responses of all stages, in order. Only the first
	// message of a session has Connect and Helo.
	Steps []Step
	// Accepted are the recipients that were not refused. The filter's additions
	// and deletions at the end of the message are not applied to them.
	Accepted []Recipient
	// Refused are the recipients that the filter refused.
	Refused []Refused
	// Verdict is the filter's last response. RepContinue and RepAccept both
	// mean that the message is accepted.
	Verdict Response
	// DecidedAt is the stage of Verdict. If the filter decided about the
	// whole session during an earlier message, it is the stage of that
	// decision.
	DecidedAt Stage
	// Modifications are the filter's modifications, in order. They are set
	// even if the filter then refused the message.
	Modifications []wire.Reply
	// Quarantined reports whether the filter asked the MTA to hold the
	// message. Quarantine is the reason that the filter gave.
	Quarantined bool
	Quarantine  string
	// Lost reports whether the MTA cannot deliver the modified message: see
	// [ManyEditsLost].
	Lost bool
	// Edited is the message as the MTA delivers it, or nil if it is not
	// delivered.
	Edited *Message
}

// Step is the filter's response at one stage.
type Step struct {
	Stage Stage
	// About is the recipient's address at Rcpt and the field's name at
	// Header. It is otherwise empty.
	About string
	Response
}

// Refused is a recipient that the filter refused, and the filter's response.
type Refused struct {
	Recipient
	Response Response
}
