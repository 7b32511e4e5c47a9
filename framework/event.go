package framework

import (
	"bytes"
	"iter"
	"net/netip"

	"github.com/sluicemail/sluice/framework/internal/address"
	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/wire"
)

// Event is what a handler receives: a pointer to [Connect], [Helo], [Mail], [Rcpt],
// [RejectedRcpt], [Data], [Header], [EndOfHeaders], [Body], [EndOfMessage],
// [Unknown], [Abort] or [Close].
//
// An event belongs to the session and is valid only until the handler returns. The
// strings that its methods return may be retained; a body chunk must not be.
type Event interface {
	// Stage returns the event's stage. For a RejectedRcpt it is StageRcpt.
	Stage() Stage
	sealed()
}

// Handler handles an event of any stage. Middleware wraps a Handler.
type Handler func(*Session, Event) (Verdict, error)

// events are a session's events, reused from one call to the next.
type events struct {
	connect  Connect
	helo     Helo
	mail     Mail
	rcpt     Rcpt
	rejected RejectedRcpt
	data     Data
	header   Header
	eoh      EndOfHeaders
	body     Body
	eom      EndOfMessage
	unknown  Unknown
	abort    Abort
	close    Close
}

// Connect is the event of [StageConnect]: an SMTP client has connected to the MTA.
type Connect struct{ msg wire.Connect }

// Host returns the client's name as the MTA found it in the DNS, or its address in
// square brackets if there is none.
func (e *Connect) Host() string { return string(e.msg.Host) }

// Addr returns the client's IP address. It is the zero Addr for a client on a unix
// socket, and if the MTA does not know the address. Its method IsValid then
// returns false.
func (e *Connect) Addr() netip.Addr { return e.msg.Addr() }

// Port returns the client's port, or 0 if it has none.
func (e *Connect) Port() uint16 { return e.msg.Port }

// Path returns the path of a client on a unix socket, and "" for others.
func (e *Connect) Path() string {
	if e.msg.Family != wire.FamilyUnix {
		return ""
	}
	return string(e.msg.Address)
}

// Stage implements [Event].
func (*Connect) Stage() Stage { return StageConnect }
func (*Connect) sealed()      {}

// Helo is the event of [StageHelo].
type Helo struct{ name []byte }

// Name returns the name that the client gave with HELO or EHLO. A client can give
// any name.
func (e *Helo) Name() string { return string(e.name) }

// Stage implements [Event].
func (*Helo) Stage() Stage { return StageHelo }
func (*Helo) sealed()      {}

// Mail is the event of [StageMail]: the envelope's sender.
type Mail struct{ msg wire.Mail }

// Sender returns the address without its angle brackets; it is empty for a bounce.
// It may be UTF-8 (RFC 6531).
func (e *Mail) Sender() string { return string(address.Bare(e.msg.Sender)) }

// Raw returns the address as the client spelled it.
func (e *Mail) Raw() string { return string(e.msg.Sender) }

// Arg returns the value of an ESMTP argument such as SIZE, and whether the client
// gave the argument. Names are compared without regard to case. An argument without
// a value, such as SMTPUTF8, has the value "".
func (e *Mail) Arg(name string) (string, bool) { return findArg(e.msg.Args, name) }

// Args iterates over the ESMTP arguments as the client spelled them.
func (e *Mail) Args() iter.Seq[string] { return stringsOf(e.msg.Args) }

// Stage implements [Event].
func (*Mail) Stage() Stage { return StageMail }
func (*Mail) sealed()      {}

// Rcpt is the event of [StageRcpt]: a recipient that the MTA itself would accept.
type Rcpt struct{ msg wire.Rcpt }

// Recipient returns the address without its angle brackets.
func (e *Rcpt) Recipient() string { return string(address.Bare(e.msg.Recipient)) }

// Raw returns the address as the client spelled it.
func (e *Rcpt) Raw() string { return string(e.msg.Recipient) }

// Arg returns the value of an ESMTP argument such as NOTIFY, as [Mail.Arg] does.
func (e *Rcpt) Arg(name string) (string, bool) { return findArg(e.msg.Args, name) }

// Args iterates over the ESMTP arguments as the client spelled them.
func (e *Rcpt) Args() iter.Seq[string] { return stringsOf(e.msg.Args) }

// Stage implements [Event].
func (*Rcpt) Stage() Stage { return StageRcpt }
func (*Rcpt) sealed()      {}

// RejectedRcpt is the event for a recipient that the MTA itself has refused
// (SMFIP_RCPT_REJ). It is not a recipient of the message. The macros {rcpt_host} and
// {rcpt_addr} give the reason: see [Router.ObserveRejectedRcpt].
type RejectedRcpt struct{ Rcpt }

// Data is the event of [StageData]: the client is about to send the message.
type Data struct{}

// Stage implements [Event].
func (*Data) Stage() Stage { return StageData }
func (*Data) sealed()      {}

// EndOfHeaders is the event of [StageEndOfHeaders]: the MTA has sent all header
// fields.
type EndOfHeaders struct{}

// Stage implements [Event].
func (*EndOfHeaders) Stage() Stage { return StageEndOfHeaders }
func (*EndOfHeaders) sealed()      {}

// Body is the event of [StageBody]: a chunk of the body. A chunk may begin or end
// within a line, and even within a CRLF.
type Body struct{ chunk []byte }

// Chunk returns the chunk, with lines ended by CRLF. It must not be changed, nor
// retained after the handler returns.
func (e *Body) Chunk() []byte { return e.chunk }

// Stage implements [Event].
func (*Body) Stage() Stage { return StageBody }
func (*Body) sealed()      {}

// EndOfMessage is the event of [StageEndOfMessage]: the MTA has sent the whole
// message and waits for the last verdict. The handler sees the message with the
// modifications of the filters that were mounted before this one.
type EndOfMessage struct{}

// Stage implements [Event].
func (*EndOfMessage) Stage() Stage { return StageEndOfMessage }
func (*EndOfMessage) sealed()      {}

// Abort is the event of [StageAbort]: the message ended before this filter decided
// about it. The client gave it up, another filter or the MTA refused it, or the
// connection broke. If a filter saw a message begin, the message ends for that
// filter in exactly one way: with its own final verdict, with the end of the
// message, or with Abort.
type Abort struct{}

// Stage implements [Event].
func (*Abort) Stage() Stage { return StageAbort }
func (*Abort) sealed()      {}

// Close is the event of [StageClose]: the SMTP session is over. It occurs once for
// every session, after the Abort of an open message.
type Close struct{}

// Stage implements [Event].
func (*Close) Stage() Stage { return StageClose }
func (*Close) sealed()      {}

// Unknown is the event of [StageUnknown]: an SMTP command that the MTA does not know.
type Unknown struct{ line []byte }

// Line returns the command as the client sent it.
func (e *Unknown) Line() string { return string(e.line) }

// Stage implements [Event].
func (*Unknown) Stage() Stage { return StageUnknown }
func (*Unknown) sealed()      {}

func findArg(args [][]byte, name string) (string, bool) {
	for _, arg := range args {
		if key, value, _ := bytes.Cut(arg, []byte("=")); ascii.EqualFold(key, name) {
			return string(value), true
		}
	}
	return "", false
}

func stringsOf(list [][]byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, b := range list {
			if !yield(string(b)) {
				return
			}
		}
	}
}
