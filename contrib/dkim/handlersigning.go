package dkim

import (
	"context"
	"slices"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	"github.com/sluicemail/sluice/framework"
)

// registerTrust requests the macros with which Config.Trust decides about a
// message.
func (h *handlers) registerTrust(r *framework.Router) {
	h.user = r.WantMacro(framework.StageMail, "auth_authen")
	for _, name := range h.filter.macros {
		h.macros = append(h.macros, r.WantMacro(macroStage(name), name))
	}
}

// macroStage returns the stage at which a macro is requested. It is the stage from
// which MTAs have the macro, or MAIL: for other macros, and for those of TLS, which need
// no stage HELO then.
func macroStage(name string) framework.Stage {
	if stage, ok := framework.StageOfMacro(name); ok && stage != framework.StageHelo {
		return stage
	}
	return framework.StageMail
}

// maySign reports whether Config.Trust admits a message of these authors.
func (h *handlers) maySign(s *framework.Session, t *trust, from []string) bool {
	if user, _ := h.user.Value(s); t.trustsLogin(user, from) {
		return true
	}
	for _, m := range h.macros {
		if value, ok := m.Value(s); ok && t.trustsMacro(m.Name(), value) {
			return true
		}
	}
	addr := h.client.Get(s).addr
	return addr.IsValid() && t.admits(addr)
}

// beginSigning prepares to sign the message. It returns false if Config.Trust
// does not admit the message or no rule has a key for its author.
func (h *handlers) beginSigning(s *framework.Session, m *message, sg *signing) bool {
	from, unclear := authors(m.fields)
	if !h.maySign(s, &m.set.trust, from) {
		return false
	}
	if m.keys = sg.candidates(from); len(m.keys) == 0 {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		logNotSigned(s, sg, from, unclear)
		return false
	}
	if h.filter.excepts && sg.excepts(h.envelope.Recipients(s)) {
		m.keys, m.excepted = nil, true
		s.Logger().Debug("not signed", "reason", "a recipient is excepted", logattr.QueueID(s))
		return false
	}
	m.author = from[0]
	m.signedBody = m.sums.Request(signed.BodyKind{Method: sg.body, Limit: signed.Whole})
	return true
}

// logNotSigned says why a message that Config.Trust admits is not signed. That is a
// warning if its author is unclear or a rule names the author: the operator then expects
// a signature.
func logNotSigned(s *framework.Session, sg *signing, from []string, unclear error) {
	reason := sg.whyNot(from)
	if unclear != nil {
		reason = unclear.Error()
	}
	if reason == "" {
		s.Logger().Debug("not signed", "reason", "no rule names the author", "authors", len(from), logattr.QueueID(s))
		return
	}
	s.BoundedLogger(nil).Warn(notSigned, "reason", reason, logattr.QueueID(s))
}

// notSigned is the text of the log for a message that should have been signed.
const notSigned = "ours, but not signed"

// sign adds a signature for each key that selectKeys selects. The signature of
// the first key is the topmost.
func (h *handlers) sign(s *framework.Session, m *message) error {
	sg := m.set.signing
	if !h.maySignHere(s) {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		return nil
	}
	if s.BodyInDoubt() {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		s.BoundedLogger(nil).Warn(notSigned, "reason", "the header has a line that is no field, so the MTA may deliver another body", logattr.QueueID(s))
		return nil
	}
	ctx, cancel := context.WithTimeout(s.Context(), publishedTimeout)
	defer cancel()
	keys := selectKeys(m.keys, m.author, func(k *signKey) bool { return usable(ctx, s, sg, k, m.author) })
	if len(keys) == 0 {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		s.BoundedLogger(nil).Warn(notSigned, "reason", "no key is published", logattr.QueueID(s))
		return nil
	}
	values, err := sg.sign(headerMethod(s, sg), keys, m.fields, m.author, m.signedBody)
	if err != nil {
		return err
	}
	for _, value := range slices.Backward(values) {
		if err := h.add.InsertTop(s, signatureField, value); err != nil {
			return err
		}
	}
	for i := range values {
		d := keys[i].domainFor(m.author)
		m.set.report(Event{Kind: EventSigned, Domain: d}, m.fields)
		s.Logger().Info("signed", "domain", d, "selector", keys[i].Selector, "key", keys[i].kind, logattr.QueueID(s))
	}
	return nil
}

// headerMethod returns the canonicalization of the header: that of the configuration, or
// relaxed if the MTA does not show the fields byte by byte. Such an MTA removes white space
// after the colon, and some unfold fields and change the case of names. A signature with
// simple would not verify then.
func headerMethod(s *framework.Session, sg *signing) canon.Method {
	if sg.header == canon.Relaxed || s.RawHeaders() {
		return sg.header
	}
	s.BoundedLogger(nil).Warn("header signed with relaxed, not with simple",
		"reason", "the MTA does not show the fields as they are", logattr.QueueID(s))
	return canon.Relaxed
}

// publishedTimeout limits the time for checking whether the keys for a message
// are published.
const publishedTimeout = 10 * time.Second

// usable reports whether a key may sign: either it is published, or the
// configuration does not require that. usable does not look up a key again once
// the key was found.
func usable(ctx context.Context, s *framework.Session, sg *signing, k *signKey, author string) bool {
	if sg.resolver == nil || k.published.Load() {
		return true
	}
	d := k.domainFor(author)
	if err := CheckPublished(ctx, sg.resolver, k.Selector, d, k.Signer.Public()); err != nil {
		s.BoundedLogger(nil).Warn("key not used", "domain", d, "selector", k.Selector, "error", err, logattr.QueueID(s))
		return false
	}
	if k.Domain != fromDomain {
		k.published.Store(true)
	}
	return true
}
