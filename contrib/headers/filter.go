package headers

import (
	"cmp"
	"sync/atomic"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// New returns a filter that applies the rules of a configuration. If the
// configuration has mistakes, the error joins a [*ConfigError] for each.
func New(cfg Config) (framework.Filter, error) { return NewReloadable(cfg) }

// Reloadable is a filter whose rules can be replaced while it serves.
type Reloadable struct {
	name   string
	needs  needs
	engine atomic.Pointer[engine]
}

// NewReloadable is like [New] but returns a filter whose rules can be replaced.
func NewReloadable(cfg Config) (*Reloadable, error) {
	e, err := compile(cfg)
	if err != nil {
		return nil, err
	}
	f := &Reloadable{name: cmp.Or(cfg.Name, "headers"), needs: e.needs}
	f.engine.Store(e)
	return f, nil
}

// Reload replaces the rules. Each message is processed by one set of rules, the
// set that is active at the end of the message.
//
// If Reload returns an error, the old rules stay active. The error joins a
// [*ConfigError] for each mistake. It is a [*NeedsMoreError] if the new rules
// need more from the MTA than the rules that the filter was created with,
// because the filter negotiates with the MTA only once per connection. The new
// rules may need less. Reload does not change the name of the filter.
//
// Reload is safe for concurrent use.
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

// Rules returns the number of active rules.
func (f *Reloadable) Rules() int { return len(f.engine.Load().rules) }

// Warnings returns what is valid in the active rules but is probably not meant, such as a
// rule that no message reaches. The caller may keep the list. It must not change it.
func (f *Reloadable) Warnings() []*ConfigError { return f.engine.Load().warnings }

// Name implements [framework.Filter].
func (f *Reloadable) Name() string { return f.name }

// Register implements [framework.Filter]. It requests the stages, data and
// modifications that the rules use.
func (f *Reloadable) Register(r *framework.Router) error {
	reg := &registration{
		filter: f, memory: r.WantMemory(), run: framework.PerMessage[run](r), peer: framework.PerConnection[peer](r),
	}
	reg.requestGrants(r)
	reg.requestFacts(r)
	r.OnEndOfMessage(reg.endOfMessage)
	return nil
}

// registration is the filter as registered on one router.
type registration struct {
	filter     *Reloadable
	memory     framework.Memory
	run        framework.Slot[run]
	peer       framework.Slot[peer]
	envelope   framework.KeptEnvelope
	headers    framework.KeptHeader
	add        framework.HeaderAdder
	beside     framework.HeaderInserter
	change     framework.HeaderChanger
	rename     framework.HeaderRenamer
	quarantine framework.Quarantiner
	macros     map[macro]framework.Macro
}

func (reg *registration) requestGrants(r *framework.Router) {
	n, required := reg.filter.needs.edits, reg.filter.needs.actions()
	n.join(reg.filter.needs.wishes)
	as := func(needed wire.Actions) []framework.GrantOption {
		if required.Has(needed) {
			return nil
		}
		return []framework.GrantOption{framework.Optional()}
	}
	switch {
	case n.beside:
		reg.beside = r.GrantInsertHeader(as(wire.ActionAddHdrs)...)
		reg.add = reg.beside.HeaderAdder
	case n.add || n.rename:
		reg.add = r.GrantAddHeader(as(wire.ActionAddHdrs)...)
	}
	if n.change || n.rename {
		reg.change = r.GrantChangeHeader(as(wire.ActionChgHdrs)...)
	}
	// For the MTA a rename is an addition and a change. A filter with both
	// permissions can therefore reload rules that rename.
	if n.rename || n.add && n.change {
		reg.rename = r.GrantRenameHeader(as(wire.ActionAddHdrs | wire.ActionChgHdrs)...)
	}
	if n.quarantine {
		reg.quarantine = r.GrantQuarantine(as(wire.ActionQuarantine)...)
	}
}

func (reg *registration) requestFacts(r *framework.Router) {
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
	r := reg.run.Get(s)
	r.body += int64(len(b.Chunk()))
	if !reg.filter.needs.parts {
		return nil
	}
	return r.partList().add(s, reg, b.Chunk())
}

// fieldCost is the memory that a field takes in addition to its bytes.
const fieldCost = 256

func (reg *registration) endOfMessage(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
	e := reg.filter.engine.Load()
	r := reg.run.Get(s)
	r.s, r.reg = s, reg
	r.begin(e.names, e.families)
	if reg.filter.needs.headers {
		for f := range reg.headers.All(s) {
			if err := reg.memory.Reserve(s, len(f.Name)+len(f.Value)+fieldCost); err != nil {
				return framework.Continue, err
			}
			r.addOriginal(f)
		}
	} else {
		r.append(field{placeholder: true})
	}
	if reg.filter.needs.parts {
		if err := r.partList().finish(s, reg); err != nil {
			return framework.Continue, err
		}
	}
	v, err := e.apply(r)
	r.logUnchanged()
	if err != nil || v != framework.Continue {
		return v, err
	}
	return framework.Continue, r.edit()
}
