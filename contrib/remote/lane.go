package remote

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// lane is a filter on one router.
type lane struct {
	filter  *Filter
	wishes  wire.Negotiate
	grants  grants
	macros  map[wire.MacroStage][]framework.Macro
	header  framework.KeptHeader
	kept    bool // header is
	session framework.Slot[session]
	message framework.Slot[transaction]
	mirror  *mirror // if the filter is a shadow
}

func newLane(f *Filter, wishes wire.Negotiate) *lane {
	return &lane{filter: f, wishes: wishes, macros: make(map[wire.MacroStage][]framework.Macro)}
}

// register asks the MTA for what the milter wants, and for no more.
func (l *lane) register(r *framework.Router) {
	l.session, l.message = framework.PerConnection[session](r), framework.PerMessage[transaction](r)
	l.registerGrants(r)
	l.registerStages(r)
	r.OnEndOfMessage(l.endOfMessage)
	r.ObserveAbort(l.abort)
	r.ObserveClose(l.close)
}

// registerStages registers the stages that the milter wants, except the end of the message. The
// MTA waits for no answer for the sake of a shadow.
func (l *lane) registerStages(r *framework.Router) {
	l.registerMacros(r)
	if l.wishes.Protocol.Has(wire.ProtoHdrLeadSpc) {
		r.WantRawHeaders()
	}
	for _, e := range events() {
		if e.takes(&l.wishes) {
			l.registerStage(r, e.code, e.answers(&l.wishes) && l.mirror == nil)
		}
	}
	if takes(&l.wishes, wire.CmdRcpt) && l.wishes.Protocol.Has(wire.ProtoRcptRej) {
		r.ObserveRejectedRcpt(l.rejectedRcpt)
	}
}

// registerGrants asks for the modifications. They are optional: an MTA that lacks one does
// not offer it, and so does the lane. The milter then decides whether it can do without.
func (l *lane) registerGrants(r *framework.Router) {
	may, optional := l.wishes.Actions.Has, framework.Optional()
	g := &l.grants
	keeps := may(wire.ActionChgHdrs) || may(wire.ActionAddHdrs) && takes(&l.wishes, wire.CmdHeader)
	switch {
	case may(wire.ActionAddHdrs) && keeps:
		g.insert = r.GrantInsertHeader(optional)
		g.add = g.insert.HeaderAdder
	case may(wire.ActionAddHdrs), may(wire.ActionChgHdrs): // a change of a field that is not there adds it
		g.add = r.GrantAddHeader(optional)
	}
	if may(wire.ActionChgHdrs) {
		g.change, g.rename = r.GrantChangeHeader(optional), r.GrantRenameHeader(optional)
	}
	if l.kept = keeps; keeps {
		l.header = r.WantHeaders()
	}
	if may(wire.ActionChgBody) {
		g.body = r.GrantReplaceBody(optional)
	}
	if may(wire.ActionAddRcpt) {
		g.addRcpt = r.GrantAddRecipient(optional)
	}
	if may(wire.ActionAddRcptPar) {
		g.addRcptArgs = r.GrantAddRecipientWithArgs(optional)
	}
	if may(wire.ActionDelRcpt) {
		g.deleteRcpt = r.GrantDeleteRecipient(optional)
	}
	if may(wire.ActionChgFrom) {
		g.sender = r.GrantChangeSender(optional)
	}
	if may(wire.ActionQuarantine) {
		g.quarantine = r.GrantQuarantine(optional)
	}
}

// registerMacros asks for the macros that the milter gets, where MTAs have them.
func (l *lane) registerMacros(r *framework.Router) {
	lists := macroLists(&l.wishes)
	for _, st := range macroStages() {
		for _, name := range l.filter.cfg.Macros[st.stage] {
			lists = addMacros(lists, wire.MacroList{Stage: st.list, Names: name})
		}
	}
	for _, st := range macroStages() {
		for _, name := range macroNames(requestedMacros(&wire.Negotiate{Macros: lists}, st.list)) {
			if available(st.stage, name) {
				l.macros[st.list] = append(l.macros[st.list], r.WantMacro(st.stage, name))
			}
		}
	}
}

// registerStage registers the handler of one stage.
func (l *lane) registerStage(r *framework.Router, code wire.CommandCode, answers bool) {
	switch code {
	case wire.CmdConnect:
		on(answers, r.OnConnect, r.ObserveConnect, l.connect)
	case wire.CmdHelo:
		on(answers, r.OnHelo, r.ObserveHelo, l.helo)
	case wire.CmdMail:
		on(answers, r.OnMail, r.ObserveMail, l.mail)
	case wire.CmdRcpt:
		on(answers, r.OnRcpt, r.ObserveRcpt, l.rcpt)
	case wire.CmdData:
		on(answers, r.OnData, r.ObserveData, l.data)
	case wire.CmdHeader:
		on(answers, r.OnHeader, r.ObserveHeader, l.headerField)
	case wire.CmdEOH:
		on(answers, r.OnEndOfHeaders, r.ObserveEndOfHeaders, l.endOfHeaders)
	case wire.CmdBody:
		on(answers, r.OnBody, r.ObserveBody, l.body)
	case wire.CmdUnknown:
		on(answers, r.OnUnknown, r.ObserveUnknown, l.unknown)
	}
}

// on registers a handler, or an observer if the milter does not answer at the stage. No
// verdict is lost: the milter gives none there.
func on[E framework.Event](
	answers bool,
	handle func(func(*framework.Session, E) (framework.Verdict, error)),
	observe func(func(*framework.Session, E) error),
	fn func(*framework.Session, E) (framework.Verdict, error),
) {
	if answers {
		handle(fn)
		return
	}
	observe(func(s *framework.Session, ev E) error {
		_, err := fn(s, ev)
		return err
	})
}
