package main

import (
	"log/slog"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// macroNames lists what Postfix and Sendmail have to say at each stage. One
// that the MTA has no value for costs a few bytes, and is not logged.
func macroNames() map[framework.Stage]string {
	return map[framework.Stage]string{
		framework.StageConnect: "j v _ daemon_name daemon_addr daemon_port if_name if_addr " +
			"client_name client_ptr client_resolve client_connections",
		framework.StageHelo:         "tls_version cipher cipher_bits cert_subject cert_issuer",
		framework.StageMail:         "i auth_type auth_authen auth_author auth_ssf mail_mailer mail_host mail_addr",
		framework.StageRcpt:         "i rcpt_mailer rcpt_host rcpt_addr",
		framework.StageData:         "i",
		framework.StageEndOfHeaders: "i",
		framework.StageEndOfMessage: "i msg_id",
	}
}

// wantMacros asks for all macros, each at its own stage.
func wantMacros(r *framework.Router) map[framework.Stage][]framework.Macro {
	wanted := make(map[framework.Stage][]framework.Macro)
	for stage := framework.StageConnect; stage <= framework.StageEndOfMessage; stage++ {
		for name := range strings.FieldsSeq(macroNames()[stage]) {
			wanted[stage] = append(wanted[stage], r.WantMacro(stage, name))
		}
	}
	return wanted
}

// values returns the stage's macros that have a value.
func (l *logger) values(s *framework.Session, stage framework.Stage) []slog.Attr {
	var attrs []slog.Attr
	for _, m := range l.macros[stage] {
		if v, ok := m.Value(s); ok && v != "" {
			attrs = append(attrs, l.text(m.Name(), v))
		}
	}
	return attrs
}
