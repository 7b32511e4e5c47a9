package framework

import (
	"strings"

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

// The verdicts. In brackets the libmilter return code.
var (
	// Continue goes on to the next handler and the next stage
	// (SMFIS_CONTINUE).
	Continue = Verdict{}
	// Accept ends the filter's interest: in the message, or, at the stages
	// Connect and Helo, in the whole session. At Unknown it is Continue.
	// Other filters go on (SMFIS_ACCEPT). What the filter asked to modify is still done.
	Accept = Verdict{kind: kindAccept}
	// Reject refuses for good: at Rcpt that recipient, else the message
	// (SMFIS_REJECT).
	Reject = Verdict{kind: kindReject}
	// TempFail refuses for now, as Reject does for good (SMFIS_TEMPFAIL).
	TempFail = Verdict{kind: kindTempFail}
	// Discard lets the MTA accept the message and drop it silently
	// (SMFIS_DISCARD). It cannot be given at Connect, Helo and Unknown.
	Discard = Verdict{kind: kindDiscard}
	// SkipBody asks for no more body chunks of this message (SMFIS_SKIP).
	// It can be given at Body alone.
	SkipBody = Verdict{kind: kindSkipBody}
)

// Reply is a refusal in the filter's own words (smfi_setreply,
// smfi_setmlreply): an SMTP code 4yz or 5yz, an enhanced status of the same
// class (RFC 3463) or "", and at most 32 lines of text, in UTF-8 without control
// characters. A line may have 512 bytes with its code, its status and its CRLF
// (RFC 5321, section 4.5.3.1.5). A percent sign needs no escaping. With code 421
// the MTA ends the session.
//
// The lane's policy takes the place of a reply that cannot be said: quote and cut
// what comes from the mail, such as with %+.100q.
//
// It returns an error as its second value, so that a handler may write
//
//	return framework.Reply(550, "5.7.1", "no")
func Reply(code int, enhanced string, lines ...string) (Verdict, error) {
	reply, err := wire.NewSMTPReply(code, enhanced, lines...)
	if err != nil {
		return Verdict{}, err
	}
	return Verdict{kind: kindReply, reply: &reply}, nil
}

// MustReply is like [Reply] and panics when the parts are wrong. It is for
// replies that are made once, at startup.
func MustReply(code int, enhanced string, lines ...string) Verdict {
	v, err := Reply(code, enhanced, lines...)
	if err != nil {
		panic(err)
	}
	return v
}

// Refuses reports whether the verdict keeps the mail from being taken: Reject,
// TempFail, and a Reply.
func (v Verdict) Refuses() bool {
	return v.kind == kindReject || v.kind == kindTempFail || v.kind == kindReply
}

// ends reports whether the verdict, given outside of Rcpt, is the last word on
// a message for all lanes.
func (v Verdict) ends() bool { return v.Refuses() || v.kind == kindDiscard }

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

// Kind returns the verdict's name, such as "reject"; for every Reply it is
// "reply". There are seven, so that it is fit for the label of a metric.
func (v Verdict) Kind() string {
	switch v.kind {
	case kindContinue:
		return "continue"
	case kindAccept:
		return "accept"
	case kindReject:
		return "reject"
	case kindTempFail:
		return "tempfail"
	case kindDiscard:
		return "discard"
	case kindSkipBody:
		return "skip body"
	case kindReply:
		return "reply"
	}
	return "no verdict"
}

// Code returns the SMTP code of a Reply, such as 550, and 0 for other verdicts,
// for which the MTA chooses.
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

// encode appends the verdict as it goes on the wire. A Reply was checked when
// it was made, so nothing can fail here.
func (v Verdict) encode(dst []byte) []byte {
	if v.kind == kindReply {
		out, err := v.reply.Encode(dst)
		if err == nil {
			return out
		}
		v = TempFail
	}
	return append(dst, 0, 0, 0, 1, byte(v.code()))
}

func (v Verdict) code() wire.ReplyCode {
	switch v.kind {
	case kindContinue:
		return wire.RepContinue
	case kindAccept:
		return wire.RepAccept
	case kindReject:
		return wire.RepReject
	case kindDiscard:
		return wire.RepDiscard
	case kindSkipBody:
		return wire.RepSkip
	case kindTempFail, kindReply:
	}
	return wire.RepTempFail
}
