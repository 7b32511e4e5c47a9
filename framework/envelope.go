package framework

import (
	"bytes"
	"iter"

	"github.com/sluicemail/sluice/wire"
)

// Mail is the event of [StageMail]: the envelope's sender.
type Mail struct{ msg wire.Mail }

// Sender returns the address without its angle brackets; it is empty for a
// bounce. It may be UTF-8 (RFC 6531).
func (e *Mail) Sender() string { return string(unbracket(e.msg.Sender)) }

// Raw returns the address as the client spelled it.
func (e *Mail) Raw() string { return string(e.msg.Sender) }

// Arg returns the value of an ESMTP argument such as SIZE, compared without
// regard to case, and whether the client gave it. One without a value, such as
// SMTPUTF8, has the value "".
func (e *Mail) Arg(name string) (string, bool) { return findArg(e.msg.Args, name) }

// Args walks through the ESMTP arguments as the client spelled them.
func (e *Mail) Args() iter.Seq[string] { return stringsOf(e.msg.Args) }

// Stage implements [Event].
func (*Mail) Stage() Stage { return StageMail }
func (*Mail) sealed()      {}

// Rcpt is the event of [StageRcpt]: one recipient, that the MTA itself would
// take.
type Rcpt struct{ msg wire.Rcpt }

// Recipient returns the address without its angle brackets.
func (e *Rcpt) Recipient() string { return string(unbracket(e.msg.Recipient)) }

// Raw returns the address as the client spelled it; deleting a recipient wants
// this spelling.
func (e *Rcpt) Raw() string { return string(e.msg.Recipient) }

// Arg returns the value of an ESMTP argument such as NOTIFY, as [Mail.Arg]
// does.
func (e *Rcpt) Arg(name string) (string, bool) { return findArg(e.msg.Args, name) }

// Args walks through the ESMTP arguments as the client spelled them.
func (e *Rcpt) Args() iter.Seq[string] { return stringsOf(e.msg.Args) }

// Stage implements [Event].
func (*Rcpt) Stage() Stage { return StageRcpt }
func (*Rcpt) sealed()      {}

// RejectedRcpt is a recipient that the MTA refused already (SMFIP_RCPT_REJ).
// It is no recipient of the message. The macros {rcpt_host} and {rcpt_addr} tell
// why, where they are asked for: see [Router.ObserveRejectedRcpt].
type RejectedRcpt struct{ Rcpt }

func unbracket(addr []byte) []byte {
	if n := len(addr); n >= 2 && addr[0] == '<' && addr[n-1] == '>' {
		return addr[1 : n-1]
	}
	return addr
}

func findArg(args [][]byte, name string) (string, bool) {
	for _, a := range args {
		key, value, _ := bytes.Cut(a, []byte{'='})
		if equalFold(key, name) {
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

// equalFold compares ASCII without regard to case, and allocates nothing.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
