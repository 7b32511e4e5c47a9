package framework

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// RecipientAdder is the right to add recipients (SMFIF_ADDRCPT). It may be used from
// Mail on.
type RecipientAdder struct{ grant }

// GrantAddRecipient asks for the right to add recipients.
func (r *grants) GrantAddRecipient(opts ...GrantOption) RecipientAdder {
	return RecipientAdder{r.in.grant("GrantAddRecipient", wire.ActionAddRcpt, opts)}
}

// Add adds a recipient (smfi_addrcpt), with or without angle brackets.
func (g RecipientAdder) Add(s *Session, addr string) error {
	return g.envelope(s, edit{kind: editAddRcpt, name: addr})
}

// RecipientArgsAdder is the right to add recipients with ESMTP arguments
// (SMFIF_ADDRCPT_PAR). It may be used from Mail on.
type RecipientArgsAdder struct{ grant }

// GrantAddRecipientWithArgs asks for the right to add recipients with ESMTP
// arguments.
func (r *grants) GrantAddRecipientWithArgs(opts ...GrantOption) RecipientArgsAdder {
	return RecipientArgsAdder{r.in.grant("GrantAddRecipientWithArgs", wire.ActionAddRcptPar, opts)}
}

// Add adds a recipient with ESMTP arguments (smfi_addrcpt_par). Postfix accepts NOTIFY
// and ORCPT.
func (g RecipientArgsAdder) Add(s *Session, addr string, args ...string) error {
	return g.envelope(s, edit{kind: editAddRcptPar, name: addr}, args...)
}

// RecipientDeleter is the right to remove recipients (SMFIF_DELRCPT). It may be
// used from Mail on.
type RecipientDeleter struct{ grant }

// GrantDeleteRecipient asks for the right to remove recipients.
func (r *grants) GrantDeleteRecipient(opts ...GrantOption) RecipientDeleter {
	return RecipientDeleter{r.in.grant("GrantDeleteRecipient", wire.ActionDelRcpt, opts)}
}

// Delete removes a recipient (smfi_delrcpt). The address must be spelled as the client
// spelled it: see [Rcpt.Raw]. An address that is not a recipient of the message is
// ignored.
func (g RecipientDeleter) Delete(s *Session, addr string) error {
	return g.envelope(s, edit{kind: editDelRcpt, name: addr})
}

// SenderChanger is the right to change the envelope's sender (SMFIF_CHGFROM).
// It may be used from Mail on.
type SenderChanger struct{ grant }

// GrantChangeSender asks for the right to change the envelope's sender.
func (r *grants) GrantChangeSender(opts ...GrantOption) SenderChanger {
	return SenderChanger{r.in.grant("GrantChangeSender", wire.ActionChgFrom, opts)}
}

// Change changes the envelope's sender (smfi_chgfrom); "" and "<>" are the sender of a
// bounce. Of the ESMTP arguments, Postfix accepts RET and ENVID.
func (g SenderChanger) Change(s *Session, addr string, args ...string) error {
	if addr == "" {
		addr = "<>"
	}
	return g.envelope(s, edit{kind: editSender, name: addr}, args...)
}

// Quarantiner is the right to have messages held (SMFIF_QUARANTINE). It may be used from
// Mail on.
type Quarantiner struct{ grant }

// GrantQuarantine asks for the right to have messages held.
func (r *grants) GrantQuarantine(opts ...GrantOption) Quarantiner {
	return Quarantiner{r.in.grant("GrantQuarantine", wire.ActionQuarantine, opts)}
}

// Quarantine makes the MTA accept the message and hold it in its queue
// (smfi_quarantine). The reason is for the postmaster; Postfix shows the first 100
// characters.
func (g Quarantiner) Quarantine(s *Session, reason string) error {
	if _, err := g.laneOf(s); err != nil {
		return err
	}
	if err := checkText("quarantine reason", reason); err != nil {
		return err
	}
	return g.queue(s, edit{kind: editQuarantine, value: reason})
}

// envelope queues an edit of the envelope, whose name is an address.
func (g grant) envelope(s *Session, e edit, args ...string) error {
	if _, err := g.laneOf(s); err != nil {
		return err
	}
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
	return g.queue(s, e)
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
