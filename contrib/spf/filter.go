package spf

import (
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
)

// Filter is a filter that checks messages. Create one with [New].
type Filter struct{ cfg Config }

// New returns a filter. The error joins all mistakes in the configuration.
func New(cfg Config) (*Filter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Filter{cfg}, nil
}

// Name implements [framework.Filter].
func (f *Filter) Name() string { return f.cfg.Name }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	h := &handlers{
		filter: f, client: r.WantClient(), helo: r.WantHelo(), user: r.WantMacro(framework.StageMail, "auth_authen"),
		host: authres.NewHost(r), headers: r.WantHeaders(), add: r.GrantAddHeader(),
		messages: framework.PerMessage[state](r), checks: framework.Async[Results](r),
	}
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	change := r.GrantChangeHeader()
	h.forged = authres.Remover{Headers: h.headers, Client: h.client, Change: change}
	h.results = authres.Collector{Headers: h.headers, Add: h.add, Change: change, Written: framework.PerMessage[bool](r)}
	r.ObserveMail(h.mail)
	if f.cfg.Relays != nil {
		r.ObserveEndOfHeaders(h.endOfHeaders)
	}
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}

// resultsKey is the key of the results of a message among the values of its context.
type resultsKey struct{}

// ResultsOf returns the results of a message, for a filter that is mounted behind this one in
// the same router and needs them at the end of the message. It returns false before the filter
// has done its work, and if no such filter is mounted. If several are, the results are those of
// the last.
func ResultsOf(s *framework.Session) (Results, bool) {
	r, ok := s.ContextValue(resultsKey{}).(*Results)
	if !ok {
		return Results{}, false
	}
	return *r, true
}
