package mailauth

import (
	"log/slog"
	"time"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/internal/deadline"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/framework"
)

// firstFilter is the filter in front of the others. It sets the deadline of the lookups at the end
// of the header, before the others begin them. It sums up a message when the message has ended,
// whichever filter decided about it.
type firstFilter struct{ auth *Authenticator }

// message is the state of one message.
type message struct {
	cfg          *Config   // the configuration when the message began
	began, ended time.Time // of the checks at the end of the message
}

// messageKey is the key of *message among the values of the context of a message.
type messageKey struct{ auth *Authenticator }

// Name implements [framework.Filter].
func (f *firstFilter) Name() string { return f.auth.name }

// Register implements [framework.Filter].
func (f *firstFilter) Register(r *framework.Router) error {
	h := &firstHandlers{auth: f.auth, host: authres.NewHost(r), client: r.WantClient()}
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	summing := framework.OncePerRouter(func(rt *framework.Route) struct{} {
		rt.AfterMessage(func(s *framework.Session, res *framework.MessageResult) { h.afterMessage(s, res) })
		return struct{}{}
	})
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		summing(rt)
		return next
	})
	r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
		f.auth.message(s)
		return nil
	})
	r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error {
		h.setDeadline(s)
		return nil
	})
	r.BeforeEndOfMessage(func(s *framework.Session) error {
		h.setDeadline(s) // again: while the body came, the time does not count
		f.auth.message(s).began = time.Now()
		return nil
	})
	return nil
}

// message returns the state of the message, with the current configuration for all of it.
func (a *Authenticator) message(s *framework.Session) *message {
	if m, ok := s.ContextValue(messageKey{a}).(*message); ok {
		return m
	}
	m := &message{cfg: a.current.Load()}
	s.SetContextValue(messageKey{a}, m)
	return m
}

// timed notes when the last of the filters returned at the end of the message.
func (f *firstFilter) timed(rt *framework.Route, next framework.Handler) framework.Handler {
	if rt.Stage() != framework.StageEndOfMessage {
		return next
	}
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		v, err := next(s, ev)
		f.auth.message(s).ended = time.Now()
		return v, err
	}
}

// firstHandlers is the filter as registered on one router.
type firstHandlers struct {
	auth   *Authenticator
	host   authres.Host
	client framework.KeptClient
}

// setDeadline limits the lookups of SPF, DKIM and ARC. DMARC has the rest of the time.
func (h *firstHandlers) setDeadline(s *framework.Session) {
	deadline.Set(s, time.Now().Add(h.auth.message(s).cfg.beforeDMARC()))
}

// afterMessage logs the summary of a message, and tells Observe.
func (h *firstHandlers) afterMessage(s *framework.Session, res *framework.MessageResult) {
	m, ok := s.ContextValue(messageKey{h.auth}).(*message)
	if !ok || m.began.IsZero() {
		return // the message ended before its end came
	}
	cfg := m.cfg
	sum := h.auth.results(s, h.client.Addr(s))
	sum.QueueID = s.QueueID()
	if !m.ended.IsZero() {
		sum.Took = m.ended.Sub(m.began)
	}
	h.auth.decide(sum, res)
	sum.AuthservID, _ = h.host.ID(s, cfg.AuthservID)
	if log := s.Logger(); log.Enabled(s.Context(), cfg.LogLevel) {
		log.LogAttrs(s.Context(), cfg.LogLevel, "authenticated", append([]slog.Attr{slog.String("filter", h.auth.name)}, sum.attrs(logattr.QueueID(s))...)...)
	}
	if cfg.Observe != nil {
		cfg.Observe(sum)
	}
}

// decide sets what was done with the message.
func (a *Authenticator) decide(sum *Summary, res *framework.MessageResult) {
	sum.Action, sum.By = Accept, ""
	switch {
	case res.Aborted:
		sum.Action = Aborted
	case res.Verdict.Refuses():
		sum.By, sum.Reply, sum.Action = res.Filter, res.Verdict.String(), refused(res.Verdict)
	case res.Verdict == framework.Discard:
		sum.By, sum.Action = res.Filter, Discard
	case sum.DMARC == nil || sum.DMARC.DryRun:
	case sum.DMARC.Action == dmarc.Hold:
		sum.By, sum.Action = a.dmarc.Name(), Hold
	case sum.DMARC.Action == dmarc.AddField:
		sum.By, sum.Action = a.dmarc.Name(), AddField
	}
}

// refused returns the action of a verdict that refuses.
func refused(v framework.Verdict) Action {
	if v.Kind() == "tempfail" || v.Code()/100 == 4 {
		return TempFail
	}
	return Reject
}
