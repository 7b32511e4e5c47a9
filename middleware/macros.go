package middleware

import (
	"fmt"
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// MacrosConfig names the macros that [Macros] is to carry along.
type MacrosConfig struct {
	// Names are asked for at the stage where the MTAs have them: see
	// [MacroName.Stage].
	Names []MacroName
	// At are macros of other names, or to be asked for at another stage:
	// Connect, Helo, Mail, Rcpt, Data, EndOfHeaders or EndOfMessage.
	At map[MacroName]framework.Stage
	// NoLog leaves the session's logger alone.
	NoLog bool
}

// maxMacro is how many bytes of a macro's value are kept, and maxLoggedMacro how
// many of them go to the log. No honest MTA comes near.
const (
	maxMacro       = 1 << 10
	maxLoggedMacro = 1 << 8
)

// Macros has the MTA send macros, and carries them along: from when they are
// sent to the end of the message, or of the session for those of Connect and
// Helo. Handlers find them with [MacrosOf], what they call with [MacrosFrom] in
// [framework.Session.Context], and the lines of [framework.Session.Logger] have
// them as attributes, but for those of recipients. A value is cut after 1,024
// bytes, in the log after 256, where it is escaped as [Printable] does.
//
// It adds to the plan each macro at its stage, once, and nothing else. A stage that
// is open for macros alone costs no answer.
func Macros(cfg MacrosConfig) framework.Middleware {
	m := newMacros(cfg)
	messages, sessions := framework.OncePerRouter(framework.PerMessage[sharedMacros]), framework.OncePerRouter(framework.PerConnection[sharedMacros])
	asked := framework.OncePerRouter(m.ask)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if m.wrong != "" {
			rt.Errorf("Macros: %s", m.wrong)
			return next
		}
		p := macrosPlace{m: m, message: messages(rt), session: sessions(rt), list: asked(rt), stage: rt.Stage()}
		if p.stage < framework.StageMail {
			return p.ofSession(next)
		}
		if ofMessage(p.stage) {
			return p.ofMessage(next)
		}
		return next // there is nothing new to learn
	}
}

// macrosPlace is a Macros on one route.
type macrosPlace struct {
	m                *macros
	message, session framework.Slot[sharedMacros]
	list             []framework.Macro
	stage            framework.Stage
}

// sharedMacros is the set of a message, or of a session.
type sharedMacros struct{ set *macroSet }

func (p *macrosPlace) ofSession(next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		place := p.session.Get(s)
		if place.set == nil {
			place.set = p.m.newSet(s, nil)
		}
		place.set.learn(s, p.list, p.stage)
		return next(s, ev)
	}
}

func (p *macrosPlace) ofMessage(next framework.Handler) framework.Handler {
	each := p.stage == framework.StageRcpt && p.m.ofRcpt
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		place := p.message.Get(s)
		if place.set == nil {
			place.set = p.m.newSet(s, p.session.Get(s).set)
		}
		if each || p.stage > place.set.upTo {
			place.set.learn(s, p.list, p.stage)
		}
		return next(s, ev)
	}
}

// macros is one Macros, on all lanes that it is put on.
type macros struct {
	names  []MacroName
	stages []framework.Stage
	ofRcpt bool // some are of recipients
	noLog  bool
	wrong  string
}

func newMacros(cfg MacrosConfig) *macros {
	m := &macros{noLog: cfg.NoLog}
	for _, name := range cfg.Names {
		stage, ok := name.Stage()
		if _, at := cfg.At[name]; !ok && !at {
			m.wrong = fmt.Sprintf("%q is no well-known name; say in At where it is to be asked for", name)
		} else if ok && !at {
			m.add(name, stage)
		}
	}
	for name, stage := range cfg.At {
		m.add(name, stage)
	}
	if len(m.names) == 0 && m.wrong == "" {
		m.wrong = "no names"
	}
	return m
}

func (m *macros) add(name MacroName, stage framework.Stage) {
	i, found := slices.BinarySearch(m.names, name)
	if found {
		return
	}
	m.names = slices.Insert(m.names, i, name)
	m.stages = slices.Insert(m.stages, i, stage)
	m.ofRcpt = m.ofRcpt || stage == framework.StageRcpt
}

func (m *macros) ask(rt *framework.Route) []framework.Macro {
	list := make([]framework.Macro, len(m.names))
	for i, name := range m.names {
		list[i] = rt.WantMacro(m.stages[i], string(name))
	}
	return list
}

// macrosKey is where a context has its macros.
type macrosKey struct{}
