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
	adds    bool // it may add fields; Reload cannot add that
	noField bool // Reload cannot change it
	current atomic.Pointer[Config]
}

// New returns a filter. The error joins all mistakes in the configuration.
func New(cfg Config) (*Filter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Filter{name: cfg.Name, holds: cfg.Actions.has(Hold), adds: cfg.adds(), noField: cfg.NoField}
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
// added, if NoField changes, or if the first action that adds a field is set beside NoField.
//
// Reload is safe for concurrent use.
func (f *Filter) Reload(cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	switch {
	case cfg.Actions.has(Hold) && !f.holds:
		return fmt.Errorf("%w: adding the first action that holds messages %w", errConfig, ErrRestart)
	case cfg.NoField != f.noField:
		return fmt.Errorf("%w: changing NoField %w", errConfig, ErrRestart)
	case cfg.adds() && !f.adds:
		return fmt.Errorf("%w: adding the first action that adds a field %w", errConfig, ErrRestart)
	}
	f.current.Store(&cfg)
	return nil
}

// Name implements [framework.Filter].
func (f *Filter) Name() string { return f.name }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	b := newBeginner(f, r)
	h := &handlers{beginner: b}
	if f.adds {
		h.add = r.GrantAddHeader()
	}
	if !f.noField {
		h.host = authres.NewHost(r)
		change := r.GrantChangeHeader()
		h.forged = authres.Remover{Headers: b.headers, Client: b.client, Change: change}
		h.results = authres.Collector{Headers: b.headers, Add: h.add, Change: change, Written: framework.PerMessage[bool](r)}
	}
	if f.holds {
		h.quarantine = r.GrantQuarantine()
	}
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	r.ObserveEndOfHeaders(b.endOfHeaders)
	r.BeforeEndOfMessage(b.beforeEndOfMessage)
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}
