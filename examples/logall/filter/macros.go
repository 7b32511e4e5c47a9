package filter

import "github.com/sluicemail/sluice/framework"

// macros returns the macros that Postfix and Sendmail send at each stage. A macro
// without a value costs a few bytes in the negotiation and is not logged.
func macros() map[framework.Stage][]string {
	return map[framework.Stage][]string{
		framework.StageConnect: {
			"j", "v", "_", "daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr",
			"client_name", "client_ptr", "client_resolve", "client_connections",
		},
		framework.StageHelo:         {"tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer"},
		framework.StageMail:         {"i", "auth_type", "auth_authen", "auth_author", "auth_ssf", "mail_mailer", "mail_host", "mail_addr"},
		framework.StageRcpt:         {"i", "rcpt_mailer", "rcpt_host", "rcpt_addr"},
		framework.StageData:         {"i"},
		framework.StageEndOfHeaders: {"i"},
		framework.StageEndOfMessage: {"i", "msg_id"},
	}
}
