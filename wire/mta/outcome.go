package mta

import "github.com/sluicemail/sluice/wire"

// Outcome is what a filter made of a message. It may be kept.
type Outcome struct {
	// Steps are the responses of all stages, in order. Connect and Helo are
	// there with the first message of a session only.
	Steps []Step
	// Accepted are the recipients that the message has left, before the
	// filter added and deleted any.
	Accepted []Recipient
	// Refused are the recipients that the filter refused.
	Refused []Refused
	// Verdict is the last word. RepContinue and RepAccept both mean that
	// the message is accepted.
	Verdict Response
	// DecidedAt is the stage that Verdict comes from. For the later messages
	// of a session that the filter ended, it is the stage that ended it.
	DecidedAt Stage
	// Modifications are the filter's, in order, even when it then refused
	// the message.
	Modifications []wire.Reply
	// Quarantined says that the message is to be held, for the reason given.
	Quarantined bool
	Quarantine  string
	// Lost says that the MTA cannot deliver what the filter made of the
	// message: see [ManyEditsLost].
	Lost bool
	// Edited is the message as it is delivered, or nil if it is not.
	Edited *Message
}

// Step is the response of one stage.
type Step struct {
	Stage Stage
	// About is the recipient's address, the header field's name, or empty.
	About string
	Response
}

// Refused is a recipient that the filter refused, and how.
type Refused struct {
	Recipient
	Response Response
}
