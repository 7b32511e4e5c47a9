package dmarc

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/contrib/internal/networks"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
)

// handlers is a filter as registered on one router.
type handlers struct {
	*beginner
	host       authres.Host
	add        framework.HeaderAdder
	forged     authres.Remover
	results    authres.Collector
	quarantine framework.Quarantiner
}

// ErrNoResults is the error for a message without results of SPF and DKIM. It gives the message
// to the policy of the lane: nothing is evaluated without them.
var ErrNoResults = errors.New("dmarc: there are no results of SPF and DKIM: mount contrib/spf, or a verifier of contrib/dkim, before this filter")

func (h *handlers) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	m := h.begin(s)
	o, err := h.evaluate(s, m)
	if err != nil {
		return framework.Continue, err
	}
	if err := h.write(s, m.cfg, o); err != nil {
		return framework.Continue, err
	}
	s.SetContextValue(resultsKey{}, o)
	h.report(s, m.cfg, o)
	if o.Action == Accept || o.DryRun {
		return framework.Continue, nil
	}
	return h.act(s, m.cfg, o)
}

// evaluate returns the outcome for a message.
func (h *handlers) evaluate(s *framework.Session, m *begun) (*Outcome, error) {
	o := &Outcome{DryRun: m.cfg.DryRun}
	in, p, skip, err := h.input(s, m.cfg)
	switch {
	case err != nil:
		return nil, err
	case skip != "":
		o.Skipped = skip
		o.Result = Result{Status: StatusNone, Policy: PolicyNone, Reasons: []string{skip + "."}}
		if len(m.authors.list) > 0 {
			o.AuthorDomain = m.authors.list[0].domain
		}
		return o, nil
	}
	ctx, cancel := m.context(s.Context())
	defer cancel()
	o.Result = *evaluate(ctx, m.look, m.authors, in)
	if ctx := s.Context(); ctx.Err() != nil { // the handler's own time is over, or the MTA has gone
		return nil, ctx.Err()
	}
	o.Action = m.cfg.Actions.of(&o.Result)
	if o.Status == StatusFail {
		if o.Override = h.override(s, m.cfg, p, &o.Result); o.Override != nil {
			o.Action = Accept
		}
	}
	return o, nil
}

// input returns the results of SPF and DKIM and what they prove, or why the message is not
// evaluated.
func (h *handlers) input(s *framework.Session, cfg *Config) (in *Input, p *proven, skip string, err error) {
	addr, skip := h.own(s)
	checked, haveSPF := spf.ResultsOf(s)
	if haveSPF {
		switch {
		case checked.Own:
			skip = checked.Skipped
		case checked.Skipped != "" && h.client.Addr(s).IsValid():
			addr = netip.Addr{} // a relay's field names no client: the relay is not the sender
		case checked.Client.IsValid():
			addr = checked.Client
		}
	}
	if skip == "" && networks.Contain(cfg.Networks, addr) {
		skip = "the client is in a network of this host"
	}
	if skip != "" {
		return nil, nil, skip, nil
	}
	verified, haveDKIM := dkim.ResultsOf(s)
	if !haveSPF && !haveDKIM {
		return nil, nil, "", ErrNoResults
	}
	in, p = new(Input), &proven{client: addr}
	if haveSPF {
		in.addSPF(&checked, p)
	} else if cfg.ExpectSPF {
		in.Missing = append(in.Missing, "spf")
	}
	if !haveDKIM && cfg.ExpectDKIM {
		in.Missing = append(in.Missing, "dkim")
	}
	in.addDKIM(verified, p)
	return in, p, "", nil
}

// addSPF adds the result for MAIL FROM, which for a bounce is that for HELO.
func (in *Input) addSPF(r *spf.Results, p *proven) {
	in.SPF = append(in.SPF, SPF{Result: string(r.MailFrom.Status), Domain: r.MailFrom.Domain})
	if r.MailFrom.Status == spf.Pass {
		p.domains = append(p.domains, provenDomain{"spf", r.MailFrom.Domain})
	}
	if r.Helo.Status == spf.Pass {
		p.domains = append(p.domains, provenDomain{"spf (HELO)", r.Helo.Domain})
	}
}

func (in *Input) addDKIM(results []dkim.Result, p *proven) {
	for i := range results {
		r := &results[i]
		in.DKIM = append(in.DKIM, DKIM{Result: string(r.Status), Domain: r.Domain, Selector: r.Selector})
		if name, ok := cleanDomain(r.Domain); ok && r.Status == dkim.StatusPass {
			p.domains = append(p.domains, provenDomain{"dkim", name})
		}
	}
}

// override returns why a message that fails is accepted, or nil.
func (*handlers) override(s *framework.Session, cfg *Config, p *proven, r *Result) *Override {
	for i := range cfg.Forwarders {
		if o, ok := cfg.Forwarders[i].trusts(p, r.AuthorDomains); ok {
			return o
		}
	}
	if chain, ok := arc.ResultsOf(s); ok {
		if o, ok := cfg.trustsChain(&chain, r); ok {
			return o
		}
	}
	return nil
}

// write removes forged results, and writes that of this message, unless another filter does.
func (h *handlers) write(s *framework.Session, cfg *Config, o *Outcome) error {
	if cfg.NoField {
		return nil
	}
	id, err := h.host.ID(s, cfg.AuthservID)
	if err != nil {
		return err
	}
	n, err := h.forged.Remove(s, authres.Judge{IDs: append(slices.Clone(cfg.AlsoRemove), id), Relays: cfg.KeepResultsFrom})
	if err != nil {
		return err
	}
	if n > 0 {
		s.BoundedLogger(nil).Log(s.Context(), cfg.LogLevel, "forged results removed", "fields", n, logattr.QueueID(s))
	}
	return h.results.Write(s, id, o.AuthRes())
}

// report logs the outcome, and tells Observe.
func (*handlers) report(s *framework.Session, cfg *Config, o *Outcome) {
	if o.Skipped != "" {
		s.Logger().Debug("not evaluated", "reason", o.Skipped, logattr.QueueID(s))
		return
	}
	level := cfg.LogLevel
	if o.Status == StatusNone {
		level = min(level, slog.LevelDebug)
	}
	if log := s.Logger(); log.Enabled(s.Context(), level) {
		log.LogAttrs(s.Context(), level, "evaluated", o.attrs(s)...)
	}
	if cfg.Observe != nil {
		cfg.Observe(o)
	}
}

// attrs returns the attributes of the line about an outcome.
func (o *Outcome) attrs(s *framework.Session) []slog.Attr {
	list := []slog.Attr{slog.String("result", string(o.Status))}
	if o.AuthorDomain != "" {
		list = append(list, slog.String("domain", shown(o.AuthorDomain)))
	}
	if o.Status != StatusPass && len(o.Reasons) > 0 {
		list = append(list, slog.String("reason", o.Reasons[0]))
	}
	if o.Status == StatusFail {
		list = append(list, slog.String("policy", string(o.Policy)), logattr.Of("policy_domain", o.PolicyDomain), logattr.Of("tag", o.PolicyTag))
	}
	if o.Override != nil {
		list = append(list, slog.String("override", string(o.Override.Type)), slog.String("because", o.Override.Comment))
	}
	if o.Action != Accept {
		list = append(list, slog.String("action", o.Action.String()))
	}
	if o.DryRun {
		list = append(list, slog.Bool("dry_run", true))
	}
	return append(list, logattr.QueueID(s))
}
