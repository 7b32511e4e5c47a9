package spf

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/contrib/internal/networks"
	"github.com/sluicemail/sluice/contrib/spf/internal/received"
	"github.com/sluicemail/sluice/framework"
)

// handlers is a filter as registered on one router.
type handlers struct {
	filter   *Filter
	client   framework.KeptClient
	helo     framework.KeptHelo
	user     framework.Macro
	host     authres.Host
	headers  framework.KeptHeader
	add      framework.HeaderAdder
	forged   authres.Remover
	results  authres.Collector
	messages framework.Slot[state]
	checks   framework.AsyncValue[Results]
}

// state is the state of one message.
type state struct {
	cfg     *Config // the configuration when the message began
	query   Query
	relayed bool   // the client is a relay, so the header must be read first
	skipped string // why the message is not checked
	own     bool   // because it is of this host's own users and programs
	begun   bool   // the check runs beside the session
}

func (h *handlers) mail(s *framework.Session, e *framework.Mail) error {
	m := h.messages.Get(s)
	cfg := h.pinConfig(m)
	m.query = Query{
		IP: h.client.Addr(s).Unmap().WithZone(""), Helo: h.helo.Value(s), MailFrom: e.Sender(), Timeout: cfg.Timeout,
		HeloIfNeeded: cfg.HeloIfNeeded && cfg.Helo == Policy{},
	}
	m.query.Receiver, _ = h.host.ID(s, cfg.AuthservID) // endOfMessage returns the error
	user, _ := h.user.Value(s)
	switch {
	case user != "":
		m.skipped, m.own = "the client has logged in", true
	case !m.query.IP.IsValid():
		m.skipped = "the client has no IP address"
	case networks.Contain(cfg.Relays, m.query.IP):
		m.relayed = true
	case networks.Contain(cfg.Networks, m.query.IP):
		m.skipped, m.own = "the client is in a network of this host", true
	default:
		h.begin(s, m)
	}
	return nil
}

// pinConfig uses the current configuration for the whole message.
func (h *handlers) pinConfig(m *state) *Config {
	if m.cfg == nil {
		m.cfg = h.filter.current.Load()
	}
	return m.cfg
}

// begin begins the check beside the session. If too many functions run there, endOfMessage
// checks.
func (h *handlers) begin(s *framework.Session, m *state) {
	dns, q := m.cfg.Resolver, m.query
	m.begun = h.checks.Start(s, func(ctx context.Context) (Results, error) {
		return Check(ctx, dns, q), nil // dropped if the context has ended
	}) == nil
}

func (h *handlers) endOfHeaders(s *framework.Session, _ *framework.EndOfHeaders) error {
	m := h.messages.Get(s)
	h.lookBehindRelay(s, m)
	return nil
}

// lookBehindRelay begins the check of a message from a relay. The header must be complete.
func (h *handlers) lookBehindRelay(s *framework.Session, m *state) {
	if !m.relayed {
		return
	}
	m.relayed = false
	h.findClient(s, m)
	if m.skipped == "" {
		h.begin(s, m)
	}
}

// findClient finds the client of the outermost relay in the Received fields. Each of them was
// written by a relay: the topmost by the one that is the client here, and the next ones by
// those that the fields above name.
func (h *handlers) findClient(s *framework.Session, m *state) {
	cfg := m.cfg
	m.skipped = "the Received field of a relay names no client"
	for f := range h.headers.Named(s, "Received") {
		if f.Origin.Added() {
			continue // by an earlier filter of this router
		}
		from, ok := received.Parse(f.Value)
		switch {
		case !ok:
			return
		case from.LoggedIn:
			m.skipped, m.own = "the client has logged in at a relay", true
			return
		case networks.Contain(cfg.Relays, from.Addr):
			continue
		case networks.Contain(cfg.Networks, from.Addr), from.Addr.IsLoopback():
			m.skipped, m.own = "the client of a relay is in a network of this host", true
			return
		default:
			m.skipped, m.query.IP, m.query.Helo = "", from.Addr, from.Helo
			return
		}
	}
}

// answer returns the results, and waits for them if necessary.
func (h *handlers) answer(s *framework.Session, m *state) (Results, error) {
	h.lookBehindRelay(s, m) // if the message has no header
	switch {
	case m.skipped != "":
		r := skipped(&m.query, m.skipped)
		if r.Own = m.own; !m.own {
			r.Client = netip.Addr{}
		}
		return r, nil
	case m.begun:
		return h.checks.Wait(s)
	default:
		ctx := s.Context()
		r := Check(ctx, m.cfg.Resolver, m.query)
		return r, context.Cause(ctx)
	}
}

func (h *handlers) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	m := h.messages.Get(s)
	cfg := h.pinConfig(m)
	id, err := h.host.ID(s, cfg.AuthservID)
	if err != nil && cfg.adds() {
		return framework.Continue, err
	}
	r, err := h.answer(s, m)
	if err != nil {
		return framework.Continue, err
	}
	h.report(s, m, &r)
	if err := h.write(s, m, id, &r); err != nil {
		return framework.Continue, err
	}
	s.SetContextValue(resultsKey{}, &r)
	action, result := cfg.judge(&r)
	if action == Accept {
		return framework.Continue, nil
	}
	s.BoundedLogger(nil).Log(s.Context(), cfg.LogLevel, "policy applied", "action", action.String(), "identity", string(result.Identity),
		"result", string(result.Status), logattr.Of("domain", result.Domain), logattr.QueueID(s))
	return refusal(action, result, m.query.IP.String())
}

// write removes forged results, and writes those of this message.
func (h *handlers) write(s *framework.Session, m *state, id string, r *Results) error {
	if !m.cfg.NoField {
		if err := h.removeForged(s, m.cfg, id); err != nil {
			return err
		}
	}
	if m.cfg.ReceivedSPF {
		for _, result := range slices.Backward(r.each()) { // the last is the topmost
			if err := h.add.InsertTop(s, receivedSPFName, receivedSPF(result, &m.query, id)); err != nil {
				return err
			}
		}
	}
	if m.cfg.NoField {
		return nil
	}
	return h.results.Write(s, id, r.AuthRes()...)
}

func (h *handlers) removeForged(s *framework.Session, cfg *Config, id string) error {
	n, err := h.forged.Remove(s, authres.Judge{IDs: append(slices.Clone(cfg.AlsoRemove), id), Relays: cfg.KeepResultsFrom})
	if n > 0 {
		s.BoundedLogger(nil).Log(s.Context(), cfg.LogLevel, "forged results removed", "fields", n, logattr.QueueID(s))
	}
	return err
}

// report logs the results, and tells Observe.
func (*handlers) report(s *framework.Session, m *state, r *Results) {
	if r.Skipped != "" {
		s.Logger().Debug("not checked", "reason", r.Skipped, logattr.QueueID(s))
		return
	}
	for _, result := range r.each() {
		level := m.cfg.LogLevel
		if result.Status == None {
			level = min(level, slog.LevelDebug) // the usual result of HELO
		}
		if log := s.Logger(); log.Enabled(s.Context(), level) {
			log.Log(s.Context(), level, "checked", "identity", string(result.Identity), "result", string(result.Status),
				logattr.Of("domain", result.Domain), logattr.Of("mechanism", result.Mechanism), logattr.Of("reason", result.Reason),
				logattr.QueueID(s))
		}
		if m.cfg.Observe != nil {
			m.cfg.Observe(*result)
		}
	}
}
