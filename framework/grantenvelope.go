package framework

import (
	"cmp"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/address"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// RecipientAdder is the right to add recipients (SMFIF_ADDRCPT). It may be used from
// Mail on.
type RecipientAdder struct{ grant }

// GrantAddRecipient asks for the right to add recipients. To know those that the message
// has, the framework keeps the envelope: the MTA sends the stages Mail and Rcpt and does not
// wait for an answer. It also asks for SMFIF_DELRCPT, as [Optional] does: see
// [RecipientAdder.Add].
func (r *grants) GrantAddRecipient(opts ...GrantOption) RecipientAdder {
	return RecipientAdder{r.in.grantAdding("GrantAddRecipient", wire.ActionAddRcpt, opts)}
}

// grantAdding registers a grant to add recipients, and asks for SMFIF_DELRCPT if the MTA
// allows it: see recipients.add.
func (in *scope) grantAdding(method string, action wire.Actions, opts []GrantOption) grant {
	g := in.grant(method, action, theEnvelope, opts)
	in.lane.grants = append(in.lane.grants, grantSpec{action: wire.ActionDelRcpt, optional: true, method: method, where: caller()})
	return g
}

// Add adds a recipient (smfi_addrcpt), with or without angle brackets. It does nothing if
// a filter has added the recipient, and none deleted it since. Two addresses are the same if
// they differ only in angle brackets, in a source route, in unnecessary quotes, and in the
// case of the domain.
//
// The message gets to the recipient once. If the client named the recipient, another milter
// may have refused it after the framework saw it, and the MTA does not tell. So the
// framework deletes the recipient (smfi_delrcpt) before it adds it: otherwise Postfix would
// deliver twice to one that was not refused. The client's ESMTP arguments for the recipient
// are lost. If the MTA does not allow deletions, Postfix may deliver twice.
//
// The error is a [*ValueError] for what cannot be an address of a mailbox (RFC 5321 section
// 4.1.2, RFC 6531), such as a list or an address with a display name. Addresses that MTAs
// accept nevertheless are no error: without a domain, with a source route, with a dot at the
// end, and any address that is the message's sender or recipient, if the envelope is kept.
func (g RecipientAdder) Add(s *Session, addr string) error {
	return g.mailbox(s, edit{kind: editAddRcpt, name: addr})
}

// RecipientArgsAdder is the right to add recipients with ESMTP arguments
// (SMFIF_ADDRCPT_PAR). It may be used from Mail on.
type RecipientArgsAdder struct{ grant }

// GrantAddRecipientWithArgs asks for the right to add recipients with ESMTP
// arguments. The framework keeps the envelope, as for [Router.GrantAddRecipient].
func (r *grants) GrantAddRecipientWithArgs(opts ...GrantOption) RecipientArgsAdder {
	return RecipientArgsAdder{r.in.grantAdding("GrantAddRecipientWithArgs", wire.ActionAddRcptPar, opts)}
}

// Add adds a recipient with ESMTP arguments (smfi_addrcpt_par). Postfix accepts NOTIFY
// and ORCPT. Otherwise Add is like [RecipientAdder.Add].
func (g RecipientArgsAdder) Add(s *Session, addr string, args ...string) error {
	return g.mailbox(s, edit{kind: editAddRcptPar, name: addr}, args...)
}

// RecipientDeleter is the right to remove recipients (SMFIF_DELRCPT). It may be
// used from Mail on.
type RecipientDeleter struct{ grant }

// GrantDeleteRecipient asks for the right to remove recipients. The framework keeps the
// envelope, as for [Router.GrantAddRecipient].
func (r *grants) GrantDeleteRecipient(opts ...GrantOption) RecipientDeleter {
	return RecipientDeleter{r.in.grant("GrantDeleteRecipient", wire.ActionDelRcpt, theEnvelope, opts)}
}

// Delete removes a recipient (smfi_delrcpt). Addresses are compared as [RecipientAdder.Add]
// does, and the MTA receives the address as the client spelled it, as MTAs require. An
// address that is not a recipient of the message is ignored.
func (g RecipientDeleter) Delete(s *Session, addr string) error {
	return g.envelope(s, edit{kind: editDelRcpt, name: addr})
}

// SenderChanger is the right to change the envelope's sender (SMFIF_CHGFROM).
// It may be used from Mail on.
type SenderChanger struct{ grant }

// GrantChangeSender asks for the right to change the envelope's sender.
func (r *grants) GrantChangeSender(opts ...GrantOption) SenderChanger {
	return SenderChanger{r.in.grant("GrantChangeSender", wire.ActionChgFrom, 0, opts)}
}

// Change changes the envelope's sender (smfi_chgfrom); "" and "<>" are the sender of a
// bounce. Any other address is checked as [RecipientAdder.Add] does. Of the ESMTP arguments,
// Postfix accepts RET and ENVID.
func (g SenderChanger) Change(s *Session, addr string, args ...string) error {
	if addr == "" || addr == "<>" {
		return g.envelope(s, edit{kind: editSender, name: "<>"}, args...)
	}
	return g.mailbox(s, edit{kind: editSender, name: addr}, args...)
}

// Quarantiner is the right to have messages held (SMFIF_QUARANTINE). It may be used from
// Mail on.
type Quarantiner struct{ grant }

// GrantQuarantine asks for the right to have messages held.
func (r *grants) GrantQuarantine(opts ...GrantOption) Quarantiner {
	return Quarantiner{r.in.grant("GrantQuarantine", wire.ActionQuarantine, 0, opts)}
}

// Quarantine makes the MTA accept the message and hold it in its queue
// (smfi_quarantine). The reason is for the postmaster; Postfix shows the first 100
// characters. Any text may be given, such as a scanner's report, because a text that
// cannot be sent must not refuse a message that is to be held: [message.CleanLine] cleans
// it, up to 4,096 bytes. If nothing is left of it, the reason is the filter's name.
func (g Quarantiner) Quarantine(s *Session, reason string) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	reason = cmp.Or(message.CleanLine(reason, maxText), message.CleanLine(lane.plan.name, maxText), "held by a mail filter")
	return lane.request(s, edit{kind: editQuarantine, value: reason})
}

// mailbox queues an edit of the envelope, whose name must be the address of a mailbox. The
// MTA has accepted an address that the message has, so it is not checked.
func (g grant) mailbox(s *Session, e edit, args ...string) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if problem := address.Problem(e.name); problem != "" && !s.content.names(e.name) {
		return &ValueError{"address", problem}
	}
	return lane.requestOfEnvelope(s, e, args)
}

// envelope queues an edit of the envelope, whose name is an address.
func (g grant) envelope(s *Session, e edit, args ...string) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	return lane.requestOfEnvelope(s, e, args)
}

// requestOfEnvelope adds an edit of the envelope to those that the lane asked for.
func (l *laneState) requestOfEnvelope(s *Session, e edit, args []string) error {
	if err := checkText("address", e.name); err != nil {
		return err
	}
	for _, arg := range args {
		if err := checkText("ESMTP argument", arg); err != nil {
			return err
		}
		if strings.ContainsAny(arg, " \t") {
			return &ValueError{"ESMTP argument", "holds a space"}
		}
	}
	e.value = strings.Join(args, " ")
	return l.request(s, e)
}

// maxText is the longest address, argument or reason in bytes: far more than SMTP allows
// (RFC 5321 section 4.5.3.1), and far less than a packet.
const maxText = 4096

func checkText(what, text string) error {
	switch {
	case text == "":
		return &ValueError{what, "is empty"}
	case len(text) > maxText:
		return &ValueError{what, "is longer than 4096 bytes"}
	case strings.ContainsAny(text, "\r\n\x00"):
		return &ValueError{what, "holds CR, LF or NUL"}
	}
	return nil
}
