package dkim

import (
	"context"
	"log/slog"
	"slices"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/framework"
)

// forged reports whether an Authentication-Results field claims to be of this
// host. Fields from the networks in Verifying.Relays, and those that an earlier
// filter of the same router added, may do so.
func (h *handlers) forged(s *framework.Session, v *verifying, e *framework.Header) bool {
	id, _ := h.host.ID(s, v.id) // verify returns the error
	judge := authres.Judge{IDs: append(slices.Clone(v.also), id), Relays: v.relays}
	field := framework.Field{Name: e.RawName(), Value: e.Raw(), Origin: e.Origin()}
	return judge.Forged(field, h.client.Get(s).addr)
}

// beginLookups begins to look up the keys while the MTA sends the body. If too many
// functions run, verify looks them up.
func (h *handlers) beginLookups(s *framework.Session, m *message) {
	if names := m.verifying.names(); len(names) > 0 {
		v := m.set.verifying
		m.lookingUp = h.keys.Start(s, func(ctx context.Context) ([]keyAnswer, error) { return v.lookUp(ctx, names), nil }) == nil
	}
}

// answers returns the keys. If the context ends before they are there, finish says so in
// the results.
func (h *handlers) answers(s *framework.Session, m *message) ([]keyAnswer, error) {
	if !m.lookingUp {
		return m.verifying.lookUp(s.Context()), nil
	}
	answers, err := h.keys.Wait(s)
	if s.Context().Err() != nil {
		err = nil
	}
	return answers, err
}

// verify adds the results of the message, and applies the policies.
func (h *handlers) verify(s *framework.Session, m *message) (framework.Verdict, error) {
	v := m.set.verifying
	answers, err := h.answers(s, m)
	if err != nil {
		return framework.Continue, err
	}
	results := m.verifying.finish(s.Context(), answers)
	report(s, m, results)
	s.SetContextValue(resultsKey{}, results)
	if err := h.write(s, v, results); err != nil {
		return framework.Continue, err
	}
	action, reason := v.judge(m.fields, results)
	if action == Accept {
		return framework.Continue, nil
	}
	s.BoundedLogger(nil).Log(s.Context(), m.set.level, "policy applied", "action", action.String(), "reason", reason, logattr.QueueID(s))
	return h.act(s, action, reason)
}

// write writes the results into the field, unless another filter does.
func (h *handlers) write(s *framework.Session, v *verifying, results []Result) error {
	if !h.mayWrite(s) {
		return nil
	}
	id, err := h.host.ID(s, v.id)
	if err != nil {
		return err
	}
	return h.results.Write(s, id, forField(results)...)
}

func (h *handlers) act(s *framework.Session, action Action, reason string) (framework.Verdict, error) {
	switch action {
	case Quarantine:
		return framework.Continue, h.quarantine.Quarantine(s, "dkim: "+reason)
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
		if err := h.remove.Delete(s, handle); err != nil { // nil if another filter has deleted the field
			return err
		}
		m.set.report(Event{Kind: EventForged}, nil)
	}
	if n := len(m.forged); n > 0 {
		s.BoundedLogger(nil).Log(s.Context(), m.set.level, "forged results removed", "fields", n, logattr.QueueID(s))
	}
	return nil
}

func report(s *framework.Session, m *message, results []Result) {
	if n := m.verifying.skipped; n > 0 {
		s.BoundedLogger(nil).Log(s.Context(), m.set.level, "too many signatures", "skipped", n, logattr.QueueID(s))
	}
	for i := range results {
		r := &results[i]
		m.set.report(Event{Kind: EventVerified, Status: r.Status, Domain: r.Domain}, m.fields)
		level := m.set.level
		if r.Status == StatusNone {
			level = min(level, slog.LevelDebug) // every message without a signature has this result
		}
		s.Logger().Log(s.Context(), level, "verified", "result", string(r.Status), logattr.Of("reason", r.Reason), logattr.Of("domain", r.Domain),
			logattr.Of("selector", r.Selector), logattr.Of("algorithm", r.Algorithm), logattr.Of("bits", r.Bits), logattr.QueueID(s))
	}
}
