package spf

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
)

// Filter is a filter that checks messages. Create one with [New].
type Filter struct {
	name    string
	relays  bool // the configuration has relays; Reload cannot add the first
	noField bool // Reload cannot change it
	adds    bool // it may add fields; Reload cannot add that
	current atomic.Pointer[Config]
}

// New returns a filter. The error joins all mistakes in the configuration.
func New(cfg Config) (*Filter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Filter{name: cfg.Name, relays: cfg.Relays != nil, noField: cfg.NoField, adds: cfg.adds()}
	f.current.Store(&cfg)
	return f, nil
}

// ErrRestart is the error of [Filter.Reload] for a configuration that needs something else from
// the MTA. The filter negotiates its needs only once.
var ErrRestart = errors.New("requires a restart to negotiate with the MTA again")

// Reload replaces the configuration for the messages that begin after the call. Messages that
// have begun keep the old configuration. If Reload returns an error, the old configuration stays
// active.
//
// Reload ignores a new name. It returns [ErrRestart] if the first of Config.Relays is added, if
// NoField changes, or if ReceivedSPF is set beside NoField.
//
// Reload is safe for concurrent use.
func (f *Filter) Reload(cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	switch {
	case cfg.Relays != nil && !f.relays:
		return fmt.Errorf("%w: adding the first relay %w", errConfig, ErrRestart)
	case cfg.NoField != f.noField:
		return fmt.Errorf("%w: changing NoField %w", errConfig, ErrRestart)
	case cfg.adds() && !f.adds:
		return fmt.Errorf("%w: setting ReceivedSPF %w", errConfig, ErrRestart)
	}
	f.current.Store(&cfg)
	return nil
}

// Name implements [framework.Filter].
func (f *Filter) Name() string { return f.name }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	h := &handlers{
		filter: f, client: r.WantClient(), helo: r.WantHelo(), user: r.WantMacro(framework.StageMail, "auth_authen"),
		host: authres.NewHost(r), messages: framework.PerMessage[state](r), checks: framework.Async[Results](r),
	}
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	if f.relays || !f.noField {
		h.headers = r.WantHeaders()
	}
	if f.adds {
		h.add = r.GrantAddHeader()
	}
	if !f.noField {
		change := r.GrantChangeHeader()
		h.forged = authres.Remover{Headers: h.headers, Client: h.client, Change: change}
		h.results = authres.Collector{Headers: h.headers, Add: h.add, Change: change, Written: framework.PerMessage[bool](r)}
	}
	r.ObserveMail(h.mail)
	if f.relays {
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
