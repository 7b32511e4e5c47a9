package mailauth

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
)

// Authenticator checks messages with SPF, DKIM, ARC and DMARC. Create one with [New].
type Authenticator struct {
	name  string
	spf   *spf.Filter // nil if turned off, as the others
	dkim  *dkim.Filter
	arc   *arc.Verifier
	dmarc *dmarc.Filter
	seal  *arc.Sealer

	reloading sync.Mutex
	current   atomic.Pointer[Config]
}

// New returns an Authenticator. The error joins all mistakes in the configuration and names the
// section of each.
func New(cfg Config) (*Authenticator, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	a := &Authenticator{name: cfg.Name}
	a.current.Store(&cfg)
	var errs []error
	if !cfg.NoSPF {
		a.spf, err = spf.New(cfg.SPF)
		errs = append(errs, section("SPF", err))
	}
	if !cfg.NoDKIM {
		a.dkim, err = dkim.NewVerifier(cfg.DKIM)
		errs = append(errs, section("DKIM", err))
	}
	if !cfg.NoARC {
		a.arc, err = arc.NewVerifier(cfg.ARC)
		errs = append(errs, section("ARC", err))
	}
	if !cfg.NoDMARC {
		a.dmarc, err = dmarc.New(cfg.DMARC)
		errs = append(errs, section("DMARC", err))
	}
	if cfg.Sealer != nil {
		a.seal, err = arc.NewSealer(*cfg.Sealer)
		errs = append(errs, section("Sealer", err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	return a, nil
}

// section returns an error with the name of the section of the configuration, or nil.
func section(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Mount mounts the filters on a router, each in a lane: one that sets the deadline of the lookups,
// those of SPF, DKIM, ARC and DMARC, in this order, and one that writes the results of all. The
// options apply to each of them. Mount them before filters that change the header or the body.
func (a *Authenticator) Mount(r *framework.Router, opts ...framework.LaneOption) {
	first := &firstFilter{auth: a}
	r.Mount(first, opts...)
	timed := r.With(first.timed)
	if a.spf != nil {
		timed.Mount(a.spf, opts...)
	}
	if a.dkim != nil {
		timed.Mount(a.dkim, opts...)
	}
	if a.arc != nil {
		timed.Mount(a.arc, opts...)
	}
	if a.dmarc != nil {
		timed.Mount(a.dmarc, opts...)
	}
	timed.Mount(&fieldFilter{auth: a}, opts...)
}

// MountSealer mounts the sealer on the router that Mount was called for. Mount it last of all
// filters, so that it signs the message as it leaves this host. It does nothing without
// Config.Sealer.
func (a *Authenticator) MountSealer(r *framework.Router, opts ...framework.LaneOption) {
	if a.seal != nil {
		r.Mount(a.seal, opts...)
	}
}

// ErrRestart is the error of [Authenticator.Reload] for a configuration that needs something else
// from the MTA, or that turns a method on or off.
var ErrRestart = errors.New("requires a restart to negotiate with the MTA again")

// Reload replaces the configuration for the messages that begin after the call. Messages that
// have begun keep the old one of each filter. If Reload returns an error, the old configuration
// stays active. It ignores new names of filters. The error matches [ErrRestart] if the MTA would
// have to negotiate again.
//
// Reload is safe for concurrent use.
func (a *Authenticator) Reload(cfg Config) error {
	if _, err := New(cfg); err != nil { // so that all mistakes are reported
		return err
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	old := a.current.Load()
	if cfg.NoSPF != old.NoSPF || cfg.NoDKIM != old.NoDKIM || cfg.NoARC != old.NoARC || cfg.NoDMARC != old.NoDMARC ||
		(cfg.Sealer == nil) != (old.Sealer == nil) {
		return fmt.Errorf("%w: turning a method on or off %w", errConfig, ErrRestart)
	}
	if err := a.apply(&cfg); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", errConfig, err), a.apply(old))
	}
	a.current.Store(&cfg)
	return nil
}

// apply reloads all filters, or returns the error of the first one that cannot.
func (a *Authenticator) apply(cfg *Config) error {
	for _, f := range []struct {
		section string
		on      bool
		reload  func() error
	}{
		{"SPF", a.spf != nil, func() error { return a.spf.Reload(cfg.SPF) }},
		{"DKIM", a.dkim != nil, func() error { return a.dkim.Reload(cfg.DKIM) }},
		{"ARC", a.arc != nil, func() error { return a.arc.Reload(cfg.ARC) }},
		{"Sealer", a.seal != nil, func() error { return a.seal.Reload(*cfg.Sealer) }},
		{"DMARC", a.dmarc != nil, func() error { return a.dmarc.Reload(cfg.DMARC) }},
	} {
		if !f.on {
			continue
		}
		if err := f.reload(); err != nil {
			if isRestart(err) {
				err = fmt.Errorf("%w: %w", ErrRestart, err)
			}
			return section(f.section, err)
		}
	}
	return nil
}

// isRestart reports whether an error of a filter says that the MTA must negotiate again.
func isRestart(err error) bool {
	return errors.Is(err, spf.ErrRestart) || errors.Is(err, dkim.ErrRestart) || errors.Is(err, dmarc.ErrRestart)
}
