package dkim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
)

// Filter is a filter that signs messages, verifies them, or chooses for each
// message. Create one with [New], [NewSigner] or [NewVerifier].
type Filter struct {
	name        string
	signs       bool
	verifies    bool
	macros      []string // the macros of Config.Trust; Reload cannot change them
	writes      bool     // it writes results; Reload cannot change it
	quarantines bool     // a policy may quarantine; Reload cannot set it
	excepts     bool     // recipients decide what is signed; Reload cannot set it
	optional    wishes   // Reload cannot change them
	current     atomic.Pointer[settings]
}

// New returns a filter that signs the messages that [Trust] admits, if a rule
// has a key for them, and verifies all others. The error joins all mistakes in
// the configuration.
func New(cfg Config) (*Filter, error) { return newFilter(&cfg, true, true) }

// NewSigner returns a filter that signs the messages that [Trust] admits and
// accepts all others unchanged. It ignores Config.Verifying.
func NewSigner(cfg Config) (*Filter, error) { return newFilter(&cfg, true, false) }

// NewVerifier returns a filter that verifies every message. It ignores
// Config.Signing and Config.Trust.
func NewVerifier(cfg Config) (*Filter, error) { return newFilter(&cfg, false, true) }

func newFilter(cfg *Config, signs, verifies bool) (*Filter, error) {
	s, err := compile(cfg, signs, verifies)
	if err != nil {
		return nil, err
	}
	f := &Filter{name: cmp.Or(cfg.Name, "dkim"), signs: signs, verifies: verifies, macros: s.trust.names()}
	f.writes = verifies && !s.verifying.noField
	f.quarantines = verifies && s.verifying.quarantines()
	f.excepts = signs && !s.signing.excepted.none()
	f.optional = s.optional
	f.current.Store(s)
	return f, nil
}

// ErrRestart is the error of [Filter.Reload] for a configuration that needs
// something else from the MTA. The filter negotiates its needs only once.
var ErrRestart = errors.New("requires a restart to negotiate with the MTA again")

// Reload replaces the configuration for the messages that begin after the call.
// Messages that have begun keep the old configuration. If Reload returns an
// error, the old configuration stays active.
//
// Reload ignores a new name. It returns [ErrRestart] if the macros of
// Config.Trust differ, if Verifying.NoField or a field Optional changes, or if the
// first policy that quarantines or the first of Signing.ExceptRecipients is added.
//
// Reload is safe for concurrent use.
func (f *Filter) Reload(cfg Config) error {
	s, err := compile(&cfg, f.signs, f.verifies)
	if err != nil {
		return err
	}
	switch {
	case !slices.Equal(s.trust.names(), f.macros) && f.signs:
		return fmt.Errorf("%w: changing the macros %w", errConfig, ErrRestart)
	case f.verifies && s.verifying.noField == f.writes:
		return fmt.Errorf("%w: changing NoField %w", errConfig, ErrRestart)
	case s.optional != f.optional:
		return fmt.Errorf("%w: changing Optional %w", errConfig, ErrRestart)
	case f.verifies && s.verifying.quarantines() && !f.quarantines:
		return fmt.Errorf("%w: adding the first policy that quarantines %w", errConfig, ErrRestart)
	case f.signs && !s.signing.excepted.none() && !f.excepts:
		return fmt.Errorf("%w: adding the first recipient whose mail is not signed %w", errConfig, ErrRestart)
	}
	if f.signs {
		s.signing.keepPublished(f.current.Load().signing)
	}
	f.current.Store(s)
	return nil
}

// Name implements [framework.Filter].
func (f *Filter) Name() string { return f.name }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	h := &handlers{
		filter: f, memory: r.WantMemory(), messages: framework.PerMessage[message](r),
	}
	if f.signs || f.writes {
		h.add = r.GrantAddHeader(optional((!f.signs || f.optional.signing) && (!f.writes || f.optional.results))...)
	}
	r.WantRawHeaders()
	r.WantMacro(framework.StageEndOfMessage, "i") // for log lines
	if f.signs {
		h.registerTrust(r)
		if f.excepts {
			h.envelope = r.WantEnvelope()
		}
	}
	if f.writes {
		h.remove = r.GrantChangeHeader(optional(f.optional.results)...)
		h.results = authres.Collector{
			Headers: r.WantHeaders(), Add: h.add, Change: h.remove, Written: framework.PerMessage[bool](r),
		}
		h.host = authres.NewHost(r)
	}
	if f.verifies {
		h.keys = framework.Async[[]keyAnswer](r)
		if f.quarantines {
			h.quarantine = r.GrantQuarantine()
		}
	}
	if f.signs || f.writes {
		h.client = framework.PerConnection[client](r)
		r.ObserveConnect(h.connect)
	}
	r.ObserveHeader(h.header)
	r.ObserveEndOfHeaders(h.endOfHeaders)
	r.ObserveBody(h.body)
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}
