package miltertest

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Result is what came of a message: the verdict, the modifications and the
// message as it is delivered, and how that came about.
type Result struct {
	// Outcome is the MTA's view of it: Verdict, Steps, Accepted and Refused
	// recipients, Modifications, Quarantined, and Edited, the message as it
	// is delivered, which is nil when it is not.
	mta.Outcome
	// Message is what was sent.
	Message *mta.Message
	// Negotiated is what the filter asked the MTA for.
	Negotiated wire.Negotiate
	// Transcript is what went over the connection, a line for each message
	// of the protocol: see [wire.Tracer].
	Transcript string
	// Logs is what the framework and the filter logged.
	Logs Logs
}

// RefusedAt returns the stage at which the filter refused the message, and ""
// when it did not. Where every recipient is refused it is [mta.StageRcpt]; a
// recipient that is refused among others refuses no message. A session that was
// refused once stays refused at that stage.
func (r *Result) RefusedAt() mta.Stage {
	if r.Reply() == "" {
		return ""
	}
	return r.DecidedAt
}

// Delivered reports whether the message is delivered, or held in quarantine.
func (r *Result) Delivered() bool { return r.Edited != nil }

// Header returns the first value of a header field of the delivered message,
// without the space after the colon, or "" when there is none. The case of the
// name does not matter. A folded value comes with its folds: the lines are
// separated by LF, not CRLF, and each but the first begins with white space.
func (r *Result) Header(name string) string {
	for _, v := range r.HeaderValues(name) {
		return v
	}
	return ""
}

// HeaderValues returns all values of a header field of the delivered message,
// from top to bottom, each as [Result.Header] does.
func (r *Result) HeaderValues(name string) []string {
	var values []string
	for _, f := range r.edited().Header {
		if strings.EqualFold(f.Name, name) {
			values = append(values, strings.TrimPrefix(f.Value, " "))
		}
	}
	return values
}

// Body returns the body of the delivered message, with lines ended by CRLF.
func (r *Result) Body() string { return string(r.edited().Body) }

// Sender returns the envelope sender of the delivered message, without angle
// brackets.
func (r *Result) Sender() string { return unbracketed(r.edited().Sender.Addr) }

// Recipients returns the envelope recipients of the delivered message, without
// angle brackets.
func (r *Result) Recipients() []string {
	var addrs []string
	for _, rcpt := range r.edited().Recipients {
		addrs = append(addrs, unbracketed(rcpt.Addr))
	}
	return addrs
}

// Reply returns what the SMTP client is told when the filter refuses the
// message, lines separated by LF, and "" when it does not. Where every recipient
// is refused, it is what was said to the last.
func (r *Result) Reply() string {
	if r.Verdict.Origin != mta.Answered {
		return "" // the MTA had refused all recipients before
	}
	return strings.Join(r.Verdict.Lines(), "\n")
}

// edited returns the delivered message, or one without anything.
func (r *Result) edited() *mta.Message {
	if r.Edited == nil {
		return new(mta.Message)
	}
	return r.Edited
}
