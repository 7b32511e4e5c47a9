package dmarc

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
)

// Filter is a filter that evaluates messages with the results of SPF and DKIM. Create one with
// [New], and mount it behind the filters of contrib/spf, contrib/dkim and contrib/arc.
type Filter struct {
	name    string
	holds   bool // an action may hold messages; Reload cannot add the first
	current atomic.Pointer[Config]
}

// New returns a filter. The error joins all mistakes in the configuration.
func New(cfg Config) (*Filter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Filter{name: cfg.Name, holds: cfg.Actions.holds()}
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
// Reload ignores a new name. It returns [ErrRestart] if the first action that holds messages is
// added.
//
// Reload is safe for concurrent use.
func (f *Filter) Reload(cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	if cfg.Actions.holds() && !f.holds {
		return fmt.Errorf("%w: adding the first action that holds messages %w", errConfig, ErrRestart)
	}
	f.current.Store(&cfg)
	return nil
}

// Name implements [framework.Filter].
func (f *Filter) Name() string { return f.name }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	b := newBeginner(f, r)
	h := &handlers{beginner: b, host: authres.NewHost(r), add: r.GrantAddHeader()}
	change := r.GrantChangeHeader()
	h.forged = authres.Remover{Headers: b.headers, Client: b.client, Change: change}
	h.results = authres.Collector{Headers: b.headers, Add: h.add, Change: change, Written: framework.PerMessage[bool](r)}
	if f.holds {
		h.quarantine = r.GrantQuarantine()
	}
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	r.ObserveEndOfHeaders(b.endOfHeaders)
	r.BeforeEndOfMessage(b.beforeEndOfMessage)
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}

// Early returns a filter that begins the lookups at the end of the header and does nothing else.
// Mount it before the filters that add or change header fields, such as contrib/spf: behind them,
// a filter sees the header at the end of the message (see [framework.Router.Mount]), and then the
// lookups begin only there. It is optional.
func (f *Filter) Early() framework.Filter { return early{f} }

type early struct{ filter *Filter }

// Name implements [framework.Filter].
func (e early) Name() string { return e.filter.name + "-early" }

// Register implements [framework.Filter].
func (e early) Register(r *framework.Router) error {
	r.ObserveEndOfHeaders(newBeginner(e.filter, r).endOfHeaders)
	return nil
}
