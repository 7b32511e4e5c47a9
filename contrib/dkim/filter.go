package dkim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
)

// Filter signs, verifies, or does the one or the other by message. It is made
// by [New], [NewSigner] or [NewVerifier].
type Filter struct {
	name     string
	signs    bool
	verifies bool
	macros   []string // of the trust, which cannot change
	holds    bool     // quarantines, which cannot begin later
	now      atomic.Pointer[settings]
}

// New returns a filter that signs what [Trust] says is ours, if a rule has a
// key for it, and verifies the rest. The error names all that is wrong with
// the configuration.
func New(cfg Config) (*Filter, error) { return newFilter(&cfg, true, true) }

// NewSigner returns a filter that signs what [Trust] says is ours, and leaves
// the rest alone. Config.Verifying plays no part.
func NewSigner(cfg Config) (*Filter, error) { return newFilter(&cfg, true, false) }

// NewVerifier returns a filter that verifies every message. Config.Signing and
// Config.Trust play no part.
func NewVerifier(cfg Config) (*Filter, error) { return newFilter(&cfg, false, true) }

func newFilter(cfg *Config, signs, verifies bool) (*Filter, error) {
	s, err := compile(cfg, signs, verifies)
	if err != nil {
		return nil, err
	}
	f := &Filter{name: cmp.Or(cfg.Name, "dkim"), signs: signs, verifies: verifies, macros: s.trust.names()}
	f.holds = verifies && s.verifying.quarantines()
	f.now.Store(s)
	return f, nil
}

// ErrRestart is the error of [Filter.Reload] for a change that alters what the
// MTA is asked for.
var ErrRestart = errors.New("takes a restart, for the MTA must be asked anew")

// Reload puts another configuration in force, for the messages that begin after
// it; those under way keep theirs. When it returns an error, the old one stays.
// The name and the macros of the trust cannot change, and a policy cannot begin
// to hold messages.
func (f *Filter) Reload(cfg Config) error {
	s, err := compile(&cfg, f.signs, f.verifies)
	if err != nil {
		return err
	}
	switch {
	case !slices.Equal(s.trust.names(), f.macros) && f.signs:
		return fmt.Errorf("%w: other macros: this %w", errConfig, ErrRestart)
	case f.verifies && s.verifying.quarantines() && !f.holds:
		return fmt.Errorf("%w: a first policy that quarantines: this %w", errConfig, ErrRestart)
	}
	if f.signs {
		s.signing.keepPublished(f.now.Load().signing)
	}
	f.now.Store(s)
	return nil
}

// Name implements [framework.Filter].
func (f *Filter) Name() string { return f.name }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	h := &handlers{filter: f, add: r.GrantAddHeader(), messages: framework.PerMessage[message](r)}
	r.WantRawHeaders()
	r.WantMacro(framework.StageEndOfMessage, "i") // for the log
	if f.signs {
		h.registerTrust(r)
	}
	if f.verifies {
		h.remove = r.GrantChangeHeader()
		h.host = r.WantMacro(framework.StageConnect, "j")
		if f.holds {
			h.hold = r.GrantQuarantine()
		}
	}
	h.client = framework.PerConnection[client](r)
	r.ObserveConnect(h.connect)
	r.ObserveHeader(h.header)
	r.ObserveEndOfHeaders(h.endOfHeaders)
	r.ObserveBody(h.body)
	r.OnEndOfMessage(h.endOfMessage)
	return nil
}

// registerTrust asks for what tells whose a message is.
func (h *handlers) registerTrust(r *framework.Router) {
	h.user = r.WantMacro(framework.StageMail, "auth_authen")
	for _, name := range h.filter.macros {
		h.macros = append(h.macros, r.WantMacro(macroStage(name), name))
	}
}

// macroStage returns where a macro is asked for: those of the daemon are there
// from the connection on.
func macroStage(name string) framework.Stage {
	switch name {
	case "daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr", "j", "v", "client_name", "client_addr":
		return framework.StageConnect
	default:
		return framework.StageMail
	}
}
