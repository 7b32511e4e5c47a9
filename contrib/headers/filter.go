package headers

import (
	"cmp"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
)

// New returns the filter of a configuration. The error joins a [*ConfigError]
// for each mistake.
func New(cfg Config) (framework.Filter, error) { return NewReloadable(cfg) }

// Reloadable is a filter whose rules can be exchanged while it serves.
type Reloadable struct {
	name   string
	needs  needs
	engine atomic.Pointer[engine]
}

// NewReloadable is [New] for a filter whose rules can be exchanged.
func NewReloadable(cfg Config) (*Reloadable, error) {
	e, err := compile(cfg)
	if err != nil {
		return nil, err
	}
	f := &Reloadable{name: cmp.Or(cfg.Name, "headers"), needs: e.needs}
	f.engine.Store(e)
	return f, nil
}

// Reload exchanges the rules. A message is judged as a whole, by the rules
// that are in force at its end. With an error the old rules stay: a
// [*ConfigError] for each mistake, or a [*NeedsMoreError] where the new rules
// need more of the MTA than those that the filter was made with, for that is
// negotiated once for each connection. Rules that need less are taken; the
// filter's name stays. Reload may be called from any goroutine.
func (f *Reloadable) Reload(cfg Config) error {
	e, err := compile(cfg)
	if err != nil {
		return err
	}
	if missing := e.needs.missing(f.needs); len(missing) > 0 {
		return &NeedsMoreError{Missing: missing}
	}
	f.engine.Store(e)
	return nil
}

// Rules returns the number of rules in force.
func (f *Reloadable) Rules() int { return len(f.engine.Load().rules) }

// Name implements [framework.Filter].
func (f *Reloadable) Name() string { return f.name }

// Register implements [framework.Filter]. It asks for what the rules use.
func (f *Reloadable) Register(r *framework.Router) error {
	reg := &registration{filter: f, run: framework.PerMessage[run](r), peer: framework.PerConnection[peer](r)}
	reg.grants(r)
	reg.facts(r)
	r.OnEndOfMessage(reg.endOfMessage)
	return nil
}

// registration is the filter on one router.
type registration struct {
	filter     *Reloadable
	run        framework.Slot[run]
	peer       framework.Slot[peer]
	envelope   framework.KeptEnvelope
	headers    framework.KeptHeader
	add        framework.HeaderAdder
	change     framework.HeaderChanger
	rename     framework.HeaderRenamer
	quarantine framework.Quarantiner
	macros     map[macro]framework.Macro
}

func (reg *registration) grants(r *framework.Router) {
	n := reg.filter.needs
	if n.add || n.rename {
		reg.add = r.GrantAddHeader()
	}
	if n.change || n.rename {
		reg.change = r.GrantChangeHeader()
	}
	if n.rename || n.add && n.change { // to the MTA it is both, and may come by a reload
		reg.rename = r.GrantRenameHeader()
	}
	if n.quarantine {
		reg.quarantine = r.GrantQuarantine()
	}
}

func (reg *registration) facts(r *framework.Router) {
	n := reg.filter.needs
	if n.connect {
		r.ObserveConnect(reg.observeConnect)
	}
	if n.helo {
		r.ObserveHelo(reg.observeHelo)
	}
	if n.envelope {
		reg.envelope = r.WantEnvelope()
	}
	if n.headers {
		reg.headers = r.WantHeaders()
	}
	if n.body {
		r.ObserveBody(reg.observeBody)
	}
	reg.macros = make(map[macro]framework.Macro, len(n.macros))
	for _, m := range sorted(n.macros) {
		reg.macros[m] = r.WantMacro(m.stage, m.name)
	}
}

func (reg *registration) observeConnect(s *framework.Session, c *framework.Connect) error {
	p := reg.peer.Get(s)
	p.addr, p.host, p.port = c.Addr().Unmap(), c.Host(), c.Port()
	return nil
}

func (reg *registration) observeHelo(s *framework.Session, h *framework.Helo) error {
	reg.peer.Get(s).helo = h.Name()
	return nil
}

func (reg *registration) observeBody(s *framework.Session, b *framework.Body) error {
	reg.run.Get(s).body += int64(len(b.Chunk()))
	return nil
}

func (reg *registration) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	e := reg.filter.engine.Load()
	r := reg.run.Get(s)
	r.s, r.reg = s, reg
	r.begin(e.names)
	if reg.filter.needs.headers {
		for f := range reg.headers.All(s) {
			r.show(f)
		}
	} else {
		r.append(field{rest: true})
	}
	v, err := e.apply(r)
	if err != nil || v != framework.Continue {
		return v, err
	}
	return framework.Continue, r.edit()
}
