package main

import (
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// macroNames returns the macros that Postfix and Sendmail send at each stage. A
// macro without a value costs a few bytes in the negotiation and is not logged.
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

// macros returns options that make the logger ask for all macros, each at its
// stage.
func macros() []middleware.LogOption {
	var opts []middleware.LogOption
	for stage := framework.StageConnect; stage <= framework.StageEndOfMessage; stage++ {
		if names := strings.Fields(macroNames()[stage]); len(names) > 0 {
			opts = append(opts, middleware.LogMacros(stage, names...))
		}
	}
	return opts
}
