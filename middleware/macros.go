package middleware

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// MacrosConfig configures [Macros].
type MacrosConfig struct {
	// Names are well-known macros, to be requested at the first stage at
	// which the MTAs have them: see [MacroName.Stage].
	Names []MacroName
	// At are other macros, or macros to be requested at another stage:
	// Connect, Helo, Mail, Rcpt, Data, EndOfHeaders or EndOfMessage.
	At map[MacroName]framework.Stage
	// NoLog leaves the macros out of the lines of the session's logger.
	NoLog bool
}

// maxMacro is the number of bytes of a macro's value that are kept, and
// maxLoggedMacro the number that are logged. Real values are much shorter.
const (
	maxMacro       = 1 << 10
	maxLoggedMacro = 1 << 8
)

// Macros requests macros from the MTA and makes them available until the end of
// the message, or until the end of the session for macros of Connect and Helo:
//
//   - [MacrosOf] returns them to handlers, and [MacrosFrom] to functions that
//     only have the context of [framework.Session.Context].
//   - The lines of [framework.Session.Logger] have them as attributes, except
//     those of recipients.
//
// A value is cut after 1,024 bytes. In the log it is cut after 256 bytes, and
// escaped as [Printable] does.
//
// It adds each macro to the plan, at its stage. If only macros need a stage, the
// MTA does not wait for an answer there.
func Macros(cfg MacrosConfig) framework.Middleware {
	m := newMacros(cfg)
	messages, sessions := framework.OncePerRouter(framework.PerMessage[sharedMacros]), framework.OncePerRouter(framework.PerConnection[sharedMacros])
	requested := framework.OncePerRouter(m.request)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if m.err != nil {
			rt.Errorf("%w", m.err)
			return next
		}
		p := macrosRoute{m: m, message: messages(rt), session: sessions(rt), list: requested(rt), stage: rt.Stage()}
		if p.stage < framework.StageMail {
			return p.ofSession(next)
		}
		if isMessageStage(p.stage) {
			return p.ofMessage(next)
		}
		return next // the stage has no new macros
	}
}

// macrosRoute is a Macros on one route.
type macrosRoute struct {
	m                *macros
	message, session framework.Slot[sharedMacros]
	list             []framework.Macro
	stage            framework.Stage
}

// sharedMacros holds the set of a message or of a session.
type sharedMacros struct{ set *macroSet }

func (p *macrosRoute) ofSession(next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		shared := p.session.Get(s)
		if shared.set == nil {
			shared.set = p.m.newSet(s, nil)
		}
		shared.set.update(s, p.list, p.stage)
		return next(s, ev)
	}
}

func (p *macrosRoute) ofMessage(next framework.Handler) framework.Handler {
	each := p.stage == framework.StageRcpt && p.m.ofRcpt
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		shared := p.message.Get(s)
		if shared.set == nil {
			shared.set = p.m.newSet(s, p.session.Get(s).set)
		}
		if each || p.stage > shared.set.upTo {
			shared.set.update(s, p.list, p.stage)
		}
		return next(s, ev)
	}
}

// macros is the configuration of one Macros, for all filters that it wraps.
type macros struct {
	names  []MacroName       // sorted
	stages []framework.Stage // of the names, by index
	ofRcpt bool              // some macros are of recipients
	noLog  bool
	err    error // why the configuration is not valid, or nil
}

func newMacros(cfg MacrosConfig) *macros {
	m := &macros{noLog: cfg.NoLog}
	for _, name := range cfg.Names {
		stage, ok := name.Stage()
		if _, at := cfg.At[name]; !ok && !at {
			m.err = fmt.Errorf("%q is not a well-known macro; use At to set its stage", name)
		} else if ok && !at {
			m.add(name, stage)
		}
	}
	for name, stage := range cfg.At {
		m.add(name, stage)
	}
	if len(m.names) == 0 && m.err == nil {
		m.err = errors.New("MacrosConfig has no names")
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

func (m *macros) request(rt *framework.Route) []framework.Macro {
	list := make([]framework.Macro, len(m.names))
	for i, name := range m.names {
		list[i] = rt.WantMacro(m.stages[i], string(name))
	}
	return list
}

// macrosKey is the key of the macros in a context.
type macrosKey struct{}
