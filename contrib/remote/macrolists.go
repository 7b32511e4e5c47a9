package remote

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// macroStage relates a list of macros to the stage that it belongs to. next is the
// command before which an MTA sends the list.
type macroStage struct {
	list  wire.MacroStage
	stage framework.Stage
	next  wire.CommandCode
	// usual are the macros that Postfix or Sendmail send to a milter that requests
	// none.
	usual string
}

// macroStages returns the lists in the order of the protocol.
func macroStages() []macroStage {
	return []macroStage{
		{wire.MacroConnect, framework.StageConnect, wire.CmdConnect, "j _ v {daemon_name} {daemon_addr} {if_name} {if_addr}"},
		{wire.MacroHelo, framework.StageHelo, wire.CmdHelo, "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}"},
		{wire.MacroEnvFrom, framework.StageMail, wire.CmdMail, "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_addr} {mail_host} {mail_mailer}"},
		{wire.MacroEnvRcpt, framework.StageRcpt, wire.CmdRcpt, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"},
		{wire.MacroData, framework.StageData, wire.CmdData, "i"},
		{wire.MacroEOH, framework.StageEndOfHeaders, wire.CmdEOH, "i"},
		{wire.MacroEOM, framework.StageEndOfMessage, wire.CmdBodyEOB, "i {msg_id}"},
	}
}

// macroLists returns the macros that a milter gets: those that it requests and, at the
// stages for which it requests none, those that MTAs send by default. MTAs send them for
// stages that the milter declined, too. So does the lane, unless the milter requests macros
// of any stage, and so knows what it needs.
func macroLists(w *wire.Negotiate) []wire.MacroList {
	var lists []wire.MacroList
	for _, st := range macroStages() {
		names := requestedMacros(w, st.list)
		if names == "" && (len(w.Macros) == 0 || st.next == wire.CmdBodyEOB || takes(w, st.next)) {
			names = st.usual
		}
		if names = strings.Join(macroNames(names), " "); names != "" {
			lists = append(lists, wire.MacroList{Stage: st.list, Names: names})
		}
	}
	return lists
}

// requestedMacros returns the names that a milter requests for a stage. Postfix takes an
// empty list for none, and a space for a list without macros.
func requestedMacros(w *wire.Negotiate, stage wire.MacroStage) string {
	for _, list := range w.Macros {
		if list.Stage == stage {
			return list.Names
		}
	}
	return ""
}

// macroNames returns the names of a list. Milters separate them by spaces or by commas.
func macroNames(list string) []string {
	names := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(" ,\t\r\n", r) })
	var unique []string
	for _, name := range names {
		if !slices.Contains(unique, name) {
			unique = append(unique, name)
		}
	}
	return unique
}

// available reports whether an MTA can have a macro at a stage. A milter may request
// others, and MTAs then send nothing. For a router to do so is a mistake, so the
// function asks one that is not served.
func available(stage framework.Stage, name string) bool {
	r := framework.NewRouter()
	r.WantMacro(stage, name)
	_, err := r.Plan()
	return err == nil
}
