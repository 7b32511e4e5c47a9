package remote

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Everything returns the wishes of a milter that wants every stage, answers at each
// of them, and may make every modification. The wishes of any milter are among them.
func Everything() wire.Negotiate {
	return wire.Negotiate{
		Version:  wire.MaxVersion,
		Actions:  wire.KnownActions &^ wire.ActionSetSymList,
		Protocol: wire.ProtoHdrLeadSpc | wire.ProtoRcptRej | wire.ProtoSkip,
	}
}

// offer returns what the MTA's side of a connection offers to a milter.
func offer(version uint32, actions wire.Actions, extras wire.Protocol) mta.Offer {
	o := mta.PostfixOffer(version)
	o.Actions = actions | wire.ActionSetSymList
	o.Protocol &^= negotiable &^ extras
	return o
}

// negotiable are the protocol bits that change what the milter sees. They are
// offered only if the MTA of the session agreed to them.
const negotiable = wire.ProtoHdrLeadSpc | wire.ProtoRcptRej

// versionOfUnknown and versionOfData are the protocol versions from which on there are
// UNKNOWN and DATA.
const (
	versionOfUnknown = 3
	versionOfData    = 4
)

// event is a stage in terms of the negotiation: the bit that keeps it from the
// milter, and the bit by which the milter does not answer.
type event struct {
	code    wire.CommandCode
	stage   framework.Stage
	no, nr  wire.Protocol
	version uint32 // from which on there is such an event
}

// events returns the events that a milter can decline.
func events() []event {
	return []event{
		{wire.CmdConnect, framework.StageConnect, wire.ProtoNoConnect, wire.ProtoNRConn, wire.MinVersion},
		{wire.CmdHelo, framework.StageHelo, wire.ProtoNoHelo, wire.ProtoNRHelo, wire.MinVersion},
		{wire.CmdMail, framework.StageMail, wire.ProtoNoMail, wire.ProtoNRMail, wire.MinVersion},
		{wire.CmdRcpt, framework.StageRcpt, wire.ProtoNoRcpt, wire.ProtoNRRcpt, wire.MinVersion},
		{wire.CmdData, framework.StageData, wire.ProtoNoData, wire.ProtoNRData, versionOfData},
		{wire.CmdHeader, framework.StageHeader, wire.ProtoNoHdrs, wire.ProtoNRHdr, wire.MinVersion},
		{wire.CmdEOH, framework.StageEndOfHeaders, wire.ProtoNoEOH, wire.ProtoNREOH, wire.MinVersion},
		{wire.CmdBody, framework.StageBody, wire.ProtoNoBody, wire.ProtoNRBody, wire.MinVersion},
		{wire.CmdUnknown, framework.StageUnknown, wire.ProtoNoUnknown, wire.ProtoNRUnkn, versionOfUnknown},
	}
}

// takes reports whether a milter wants the event.
func (e event) takes(w *wire.Negotiate) bool {
	return w.Version >= e.version && !w.Protocol.Has(e.no)
}

// answers reports whether a milter wants the event and answers it.
func (e event) answers(w *wire.Negotiate) bool { return e.takes(w) && !w.Protocol.Has(e.nr) }

// takes reports whether a milter wants the events of a command.
func takes(w *wire.Negotiate, code wire.CommandCode) bool {
	return slices.ContainsFunc(events(), func(e event) bool { return e.code == code && e.takes(w) })
}

// union returns the wishes that the given ones are all part of.
func union(all []wire.Negotiate) wire.Negotiate {
	u := wire.Negotiate{Version: wire.MaxVersion}
	for i := range all {
		u.Actions |= all[i].Actions
		u.Protocol |= all[i].Protocol & (negotiable | wire.ProtoSkip)
		for _, list := range macroLists(&all[i]) {
			u.Macros = addMacros(u.Macros, list)
		}
	}
	for _, st := range macroStages() {
		if requestedMacros(&u, st.list) == "" {
			u.Macros = append(u.Macros, wire.MacroList{Stage: st.list, Names: noMacros})
		}
	}
	for _, e := range events() {
		is := func(does func(event, *wire.Negotiate) bool) bool {
			return slices.ContainsFunc(all, func(w wire.Negotiate) bool { return does(e, &w) })
		}
		if !is(event.takes) {
			u.Protocol |= e.no
		} else if !is(event.answers) {
			u.Protocol |= e.nr
		}
	}
	return u
}

// noMacros is a list that requests no macros. An empty one requests the default ones.
const noMacros = " "

// addMacros adds the names of a list to those of its stage.
func addMacros(lists []wire.MacroList, add wire.MacroList) []wire.MacroList {
	for i := range lists {
		if lists[i].Stage == add.Stage {
			lists[i].Names = strings.TrimSpace(lists[i].Names + " " + add.Names)
			return lists
		}
	}
	return append(lists, add)
}

// beyond returns the events and answers that a milter wants and that are not among the
// wishes w, for an error text. Empty means that it wants no more.
func beyond(answer, w *wire.Negotiate) string {
	var list []string
	for _, e := range events() {
		switch {
		case e.takes(answer) && !e.takes(w):
			list = append(list, e.code.String())
		case e.answers(answer) && !e.answers(w):
			list = append(list, "answers to "+e.code.String())
		}
	}
	return strings.Join(list, ", ")
}
