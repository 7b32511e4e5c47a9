package middleware

import "github.com/sluicemail/sluice/framework"

// MacroName is the name of an MTA's macro, without braces.
type MacroName string

// The well-known macros. [MacroName.Stage] returns the first stage at which both
// Postfix and Sendmail have a macro. The MTAs do not send macros without a value.
const (
	MacroQueueID    MacroName = "i" // the queue ID; Sendmail has it at Mail, Postfix from the first recipient on
	MacroMTAVersion MacroName = "v" // "Postfix 3.7.11"; Sendmail sends only the number
	MacroMTAHost    MacroName = "j" // the host name of the MTA

	MacroClientName MacroName = "client_name" // as found in the DNS
	MacroClientAddr MacroName = "client_addr"
	MacroClientPort MacroName = "client_port"
	MacroClientPTR  MacroName = "client_ptr" // without a check that the name has the client's address

	MacroDaemonName MacroName = "daemon_name"
	MacroDaemonAddr MacroName = "daemon_addr"
	MacroDaemonPort MacroName = "daemon_port"

	MacroTLSVersion MacroName = "tls_version"
	MacroTLSCipher  MacroName = "cipher"
	MacroTLSBits    MacroName = "cipher_bits"
	MacroTLSSubject MacroName = "cert_subject" // of the client's certificate
	MacroTLSIssuer  MacroName = "cert_issuer"

	MacroAuthUser   MacroName = "auth_authen"
	MacroAuthType   MacroName = "auth_type" // the SASL mechanism
	MacroAuthAuthor MacroName = "auth_author"

	MacroMailAddr   MacroName = "mail_addr"
	MacroMailMailer MacroName = "mail_mailer"
	MacroMailHost   MacroName = "mail_host"

	MacroRcptAddr   MacroName = "rcpt_addr" // these three are of the last recipient
	MacroRcptMailer MacroName = "rcpt_mailer"
	MacroRcptHost   MacroName = "rcpt_host"
)

// Stage returns the first stage at which both Postfix and Sendmail have the
// macro, and reports whether it is a well-known one: see [framework.StageOfMacro].
func (n MacroName) Stage() (framework.Stage, bool) { return framework.StageOfMacro(string(n)) }

// logKey returns the key of the macro in log lines.
func (n MacroName) logKey() string {
	switch n {
	case MacroQueueID:
		return "queue_id"
	case MacroMTAVersion:
		return "mta_version"
	case MacroMTAHost:
		return "mta_host"
	default:
		return string(n)
	}
}
