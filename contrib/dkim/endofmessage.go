package dkim

import (
	"context"
	"errors"
	"time"

	"github.com/sluicemail/sluice/framework"
)

func (h *handlers) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	m := h.messages.Get(s)
	h.pin(m)
	h.begin(s, m)
	m.sums.end()
	switch {
	case m.size > maxHeader:
		return framework.Reply(552, "5.3.4", "message header too large for DKIM")
	case m.signs != nil:
		if err := h.removeForged(s, m); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, h.sign(s, m)
	case m.verifying != nil:
		return h.verify(s, m)
	default:
		return framework.Continue, nil
	}
}

// sign adds a signature for each key that is live. The first key's is the
// topmost.
func (h *handlers) sign(s *framework.Session, m *message) error {
	sg := m.set.signing
	ctx, cancel := context.WithTimeout(s.Context(), publishedTimeout)
	defer cancel()
	keys := live(m.keys, m.author, func(k *signKey) bool { return usable(ctx, s, sg, k, m.author) })
	if len(keys) == 0 {
		m.set.report(Event{Kind: EventNotSigned}, nil)
		s.Logger().Warn("not signed", "reason", "no key is published", "queue", s.QueueID())
		return nil
	}
	values, err := sg.sign(keys, m.fields, m.author, m.signs)
	if err != nil {
		return err
	}
	for i, value := range values {
		if err := h.add.Insert(s, i, signatureField, value); err != nil {
			return err
		}
		d := keys[i].domainFor(m.author)
		m.set.report(Event{Kind: EventSigned, Domain: d}, m.fields)
		s.Logger().Info("signed", "domain", d, "selector", keys[i].Selector, "key", keys[i].kind, "queue", s.QueueID())
	}
	return nil
}

// publishedTimeout bounds the wait for the answers whether a message's keys are
// published.
const publishedTimeout = 10 * time.Second

// usable reports whether a key may be signed with: it is published, or nobody
// wants to know. What was seen once is not asked again.
func usable(ctx context.Context, s *framework.Session, sg *signing, k *signKey, author string) bool {
	if sg.resolver == nil || k.published.Load() {
		return true
	}
	d := k.domainFor(author)
	if err := CheckPublished(ctx, sg.resolver, k.Selector, d, k.Signer.Public()); err != nil {
		s.Logger().Warn("key not used", "domain", d, "selector", k.Selector, "error", err, "queue", s.QueueID())
		return false
	}
	if k.Domain != fromDomain {
		k.published.Store(true)
	}
	return true
}

// verify adds the results, removes those that others have forged, and applies
// the policies.
func (h *handlers) verify(s *framework.Session, m *message) (framework.Verdict, error) {
	v := m.set.verifying
	results := m.verifying.finish(s.Context())
	report(s, m, results)
	if err := h.removeForged(s, m); err != nil {
		return framework.Continue, err
	}
	id := h.authservID(s, v)
	if id == "" {
		return framework.Continue, errors.New("dkim: neither the configuration nor the MTA says what Authentication-Results is to name us")
	}
	if err := h.add.Insert(s, 0, resultsField, FormatResults(id, results)); err != nil {
		return framework.Continue, err
	}
	action, reason := v.judge(m.fields, results)
	if action == Accept {
		return framework.Continue, nil
	}
	s.Logger().Info("policy applied", "action", action.String(), "reason", reason, "queue", s.QueueID())
	return h.act(s, action, reason)
}

func (h *handlers) act(s *framework.Session, action Action, reason string) (framework.Verdict, error) {
	switch action {
	case Quarantine:
		return framework.Continue, h.hold.Quarantine(s, "dkim: "+reason)
	case TempFail:
		return framework.Reply(451, "4.7.20", "message not accepted now: "+reason)
	case Reject:
		return framework.Reply(550, "5.7.20", "message not accepted: "+reason)
	default:
		return framework.Continue, nil
	}
}

func (h *handlers) removeForged(s *framework.Session, m *message) error {
	for _, handle := range m.forged {
		// Somebody before us may have taken it away already.
		if err := h.remove.Delete(s, handle); err != nil && !errors.Is(err, framework.ErrNoHeader) {
			return err
		}
		m.set.report(Event{Kind: EventForged}, nil)
	}
	if n := len(m.forged); n > 0 {
		s.Logger().Info("forged results removed", "fields", n, "queue", s.QueueID())
	}
	return nil
}

func report(s *framework.Session, m *message, results []Result) {
	if n := m.verifying.skipped; n > 0 {
		s.Logger().Warn("too many signatures", "left out", n, "queue", s.QueueID())
	}
	for i := range results {
		r := &results[i]
		m.set.report(Event{Kind: EventVerified, Status: r.Status, Domain: r.Domain}, m.fields)
		s.Logger().Info("verified", "result", string(r.Status), "reason", r.Reason,
			"domain", r.Domain, "selector", r.Selector, "algorithm", r.Algorithm, "bits", r.Bits, "queue", s.QueueID())
	}
}

func classOf(d string, fields []Field) Class {
	switch {
	case d == "":
		return ClassNone
	case speaksFor(d, authorDomains(fields)):
		return ClassAuthor
	default:
		return ClassThirdParty
	}
}
