package framework

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// RecipientAdder is the right to add recipients (SMFIF_ADDRCPT). It may be used
// from Mail on.
type RecipientAdder struct{ grant }

// GrantAddRecipient asks for the right to add recipients.
func (r *Router) GrantAddRecipient(opts ...GrantOption) RecipientAdder {
	return RecipientAdder{r.grant("GrantAddRecipient", wire.ActionAddRcpt, opts)}
}

// Add adds a recipient (smfi_addrcpt), given with or without angle brackets.
func (g RecipientAdder) Add(s *Session, addr string) error {
	return g.envelope(s, edit{kind: editAddRcpt, name: addr})
}

// RecipientArgsAdder is the right to add recipients with ESMTP arguments
// (SMFIF_ADDRCPT_PAR). It may be used from Mail on.
type RecipientArgsAdder struct{ grant }

// GrantAddRecipientWithArgs asks for the right to add recipients with ESMTP
// arguments.
func (r *Router) GrantAddRecipientWithArgs(opts ...GrantOption) RecipientArgsAdder {
	return RecipientArgsAdder{r.grant("GrantAddRecipientWithArgs", wire.ActionAddRcptPar, opts)}
}

// Add adds a recipient with ESMTP arguments (smfi_addrcpt_par). Postfix takes
// NOTIFY and ORCPT.
func (g RecipientArgsAdder) Add(s *Session, addr string, args ...string) error {
	return g.envelope(s, edit{kind: editAddRcptPar, name: addr}, args...)
}

// RecipientDeleter is the right to remove recipients (SMFIF_DELRCPT). It may be
// used from Mail on.
type RecipientDeleter struct{ grant }

// GrantDeleteRecipient asks for the right to remove recipients.
func (r *Router) GrantDeleteRecipient(opts ...GrantOption) RecipientDeleter {
	return RecipientDeleter{r.grant("GrantDeleteRecipient", wire.ActionDelRcpt, opts)}
}

// Delete removes a recipient (smfi_delrcpt), spelled as the client did: use
// [Rcpt.Raw]. One that the message does not have is passed over.
func (g RecipientDeleter) Delete(s *Session, addr string) error {
	return g.envelope(s, edit{kind: editDelRcpt, name: addr})
}

// SenderChanger is the right to change the envelope's sender (SMFIF_CHGFROM).
// It may be used from Mail on.
type SenderChanger struct{ grant }

// GrantChangeSender asks for the right to change the envelope's sender.
func (r *Router) GrantChangeSender(opts ...GrantOption) SenderChanger {
	return SenderChanger{r.grant("GrantChangeSender", wire.ActionChgFrom, opts)}
}

// Change changes the envelope's sender (smfi_chgfrom), "" or "<>" for a bounce.
// Of the ESMTP arguments Postfix takes RET and ENVID.
func (g SenderChanger) Change(s *Session, addr string, args ...string) error {
	if addr == "" {
		addr = "<>"
	}
	return g.envelope(s, edit{kind: editSender, name: addr}, args...)
}

// Quarantiner is the right to have messages held (SMFIF_QUARANTINE). It may be
// used from Mail on.
type Quarantiner struct{ grant }

// GrantQuarantine asks for the right to have messages held.
func (r *Router) GrantQuarantine(opts ...GrantOption) Quarantiner {
	return Quarantiner{r.grant("GrantQuarantine", wire.ActionQuarantine, opts)}
}

// Quarantine has the MTA take the message and hold it in its queue
// (smfi_quarantine). The reason is for the postmaster; Postfix shows its first
// 100 characters.
func (g Quarantiner) Quarantine(s *Session, reason string) error {
	lane, err := g.queue(s)
	if err != nil {
		return err
	}
	if err := checkText("quarantine reason", reason); err != nil {
		return err
	}
	lane.edits = append(lane.edits, edit{kind: editQuarantine, value: reason})
	return nil
}

// envelope queues an edit of the envelope: an address in name, arguments in
// value.
func (g grant) envelope(s *Session, e edit, args ...string) error {
	lane, err := g.queue(s)
	if err != nil {
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
	lane.edits = append(lane.edits, e)
	return nil
}

// maxText is the longest address, argument or reason: far more than SMTP lets
// through (RFC 5321 section 4.5.3.1), and far less than a packet.
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
