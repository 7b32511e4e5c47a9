package main

import (
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
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

// macros has the log ask for all macros, each at its own stage.
func macros() []middleware.LogOption {
	var opts []middleware.LogOption
	for stage := framework.StageConnect; stage <= framework.StageEndOfMessage; stage++ {
		if names := strings.Fields(macroNames()[stage]); len(names) > 0 {
			opts = append(opts, middleware.LogMacros(stage, names...))
		}
	}
	return opts
}
