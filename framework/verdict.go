package framework

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// Verdict is what a handler decides about a recipient, a message or a session.
// Verdicts are compared with ==; the zero Verdict is [Continue].
type Verdict struct {
	kind  verdictKind
	reply *wire.SMTPReply
}

type verdictKind uint8

const (
	kindContinue verdictKind = iota
	kindAccept
	kindReject
	kindTempFail
	kindDiscard
	kindSkipBody
	kindReply
)

// The verdicts, with the libmilter return code in parentheses.
var (
	// Continue goes on to the next handler and the next stage
	// (SMFIS_CONTINUE).
	Continue = Verdict{}
	// Accept ends the filter's part in the message, or, at the stages Connect
	// and Helo, in the whole session. At Unknown it has the effect of Continue.
	// The other filters go on, and what this filter asked to modify is still
	// modified (SMFIS_ACCEPT).
	Accept = Verdict{kind: kindAccept}
	// Reject refuses permanently: at Rcpt the recipient, otherwise the message
	// (SMFIS_REJECT).
	Reject = Verdict{kind: kindReject}
	// TempFail is like Reject, but refuses temporarily: the client may try again
	// later (SMFIS_TEMPFAIL).
	TempFail = Verdict{kind: kindTempFail}
	// Discard lets the MTA accept the message and drop it silently
	// (SMFIS_DISCARD). It cannot be given at Connect, Helo and Unknown.
	Discard = Verdict{kind: kindDiscard}
	// SkipBody asks for no more body chunks of this message (SMFIS_SKIP). It can
	// only be given at Body.
	SkipBody = Verdict{kind: kindSkipBody}
)

// Reply refuses with the filter's text (smfi_setreply, smfi_setmlreply): an SMTP
// code 4yz or 5yz, an enhanced status code of the same class (RFC 3463) or "", and
// at most 32 lines of text, in UTF-8 without control characters. With its code,
// status and CRLF a line may have 512 bytes (RFC 5321, section 4.5.3.1.5). Percent
// signs need no escaping. With code 421 the MTA ends the session.
//
// It returns an error if a part is invalid, as its second value, so that a handler
// can write
//
//	return framework.Reply(550, "5.7.1", "no")
//
// The filter has then failed, and its policy decides: [FailClosed] refuses with the reply
// as [message.CleanReply] cleans it, so that a refusal remains one. For a text that comes
// from the mail, from another server or from a scanner, call CleanReply first: its results
// are always valid.
func Reply(code int, enhanced string, lines ...string) (Verdict, error) {
	reply, err := wire.NewSMTPReply(code, enhanced, lines...)
	if err != nil {
		code, enhanced, lines = message.CleanReply(code, enhanced, strings.Join(lines, "\n"))
		return Verdict{}, &replyError{MustReply(code, enhanced, lines...), err}
	}
	return Verdict{kind: kindReply, reply: &reply}, nil
}

// replyError is the error of Reply.
type replyError struct {
	cleaned Verdict // what FailClosed refuses with
	err     error
}

// Error implements error.
func (e *replyError) Error() string { return e.err.Error() }

// Unwrap returns the *wire.ValueError.
func (e *replyError) Unwrap() error { return e.err }

// MustReply is like [Reply] and panics if a part is invalid. It is for replies that
// are made once, at startup.
func MustReply(code int, enhanced string, lines ...string) Verdict {
	v, err := Reply(code, enhanced, lines...)
	if err != nil {
		panic(err)
	}
	return v
}

// failureVerdict returns the default verdict on mail that a filter failed to check.
func failureVerdict() Verdict {
	return MustReply(451, "4.3.0", "mail filter failed, try again later")
}

// Refuses reports whether the verdict is Reject, TempFail or a Reply.
func (v Verdict) Refuses() bool {
	return v.kind == kindReject || v.kind == kindTempFail || v.kind == kindReply
}

// ends reports whether the verdict decides about the message for all filters, if it
// is given at a stage other than Rcpt.
func (v Verdict) ends() bool { return v.Refuses() || v.kind == kindDiscard }

// endsMessage reports whether the MTA takes the verdict as the last about the message if it
// receives it at the stage. A refusal at Rcpt is about a recipient.
func (v Verdict) endsMessage(stage Stage) bool {
	switch {
	case !stage.ofMessage():
		return false
	case stage == StageEndOfMessage, v.kind == kindAccept, v.kind == kindDiscard:
		return true
	}
	return v.Refuses() && stage != StageRcpt
}

// fits reports whether the verdict can be given at the stage.
func (v Verdict) fits(s Stage) bool {
	switch v.kind {
	case kindSkipBody:
		return s == StageBody
	case kindDiscard:
		return s.ofMessage()
	default:
		return true
	}
}

// verdictKinds holds the name of each kind, and its reply on the wire. A Reply is
// sent as TempFail if it cannot be encoded.
var verdictKinds = [...]struct {
	name string
	code wire.ReplyCode
}{
	kindContinue: {"continue", wire.RepContinue},
	kindAccept:   {"accept", wire.RepAccept},
	kindReject:   {"reject", wire.RepReject},
	kindTempFail: {"tempfail", wire.RepTempFail},
	kindDiscard:  {"discard", wire.RepDiscard},
	kindSkipBody: {"skip body", wire.RepSkip},
	kindReply:    {"reply", wire.RepTempFail},
}

// Kind returns the verdict's name, such as "reject"; for every Reply it is "reply".
// There are seven kinds, so the name is suitable as a metric label.
func (v Verdict) Kind() string { return verdictKinds[v.kind].name }

// Code returns the SMTP code of a Reply, such as 550, and 0 for the other verdicts,
// for which the MTA chooses the code.
func (v Verdict) Code() int {
	if v.kind != kindReply {
		return 0
	}
	return v.reply.Code()
}

// String returns the verdict's name, or the text of a Reply.
func (v Verdict) String() string {
	if v.kind == kindReply {
		return v.Kind() + " " + strings.Join(v.reply.Lines(), " / ")
	}
	return v.Kind()
}

// encode appends the verdict in the form of the protocol. Reply has checked the
// parts, so encoding them does not fail.
func (v Verdict) encode(dst []byte) []byte {
	if v.kind == kindReply {
		if out, err := v.reply.Encode(dst); err == nil {
			return out
		}
	}
	return append(dst, 0, 0, 0, 1, v.replyCode())
}

// replyCode returns the code of the reply on the wire, which has no data unless the
// verdict is a Reply.
func (v Verdict) replyCode() byte { return byte(verdictKinds[v.kind].code) }

// equal reports whether two verdicts say the same to the client.
func (v Verdict) equal(w Verdict) bool {
	return v == w || v.kind == kindReply && w.kind == kindReply && v.String() == w.String()
}
