package middleware

import "github.com/sluicemail/sluice/framework"

// MacroName is the name of a macro of the MTA, without braces.
type MacroName string

// The well-known macros, and who has them when. Postfix and Sendmail both have
// those of Connect from there on, those of Helo after STARTTLS, and so on; where
// they differ it is said. A macro without a value is not there.
const (
	MacroQueueID    MacroName = "i" // the message's name; Sendmail has it at Mail, Postfix from the first recipient on
	MacroMTAVersion MacroName = "v" // "Postfix 3.7.11", or a bare version of Sendmail
	MacroMTAHost    MacroName = "j" // the MTA's host

	MacroClientName MacroName = "client_name" // as found in the DNS
	MacroClientAddr MacroName = "client_addr"
	MacroClientPort MacroName = "client_port"
	MacroClientPTR  MacroName = "client_ptr" // not confirmed by the address of that name

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

	MacroRcptAddr   MacroName = "rcpt_addr" // of the last recipient, as all of these
	MacroRcptMailer MacroName = "rcpt_mailer"
	MacroRcptHost   MacroName = "rcpt_host"
)

// Stage returns the first stage at which Postfix and Sendmail both have the
// macro, and whether it is one of the well-known. That of the queue id is Data.
func (n MacroName) Stage() (framework.Stage, bool) {
	switch n {
	case MacroMTAVersion, MacroMTAHost, MacroClientName, MacroClientAddr, MacroClientPort, MacroClientPTR,
		MacroDaemonName, MacroDaemonAddr, MacroDaemonPort:
		return framework.StageConnect, true
	case MacroTLSVersion, MacroTLSCipher, MacroTLSBits, MacroTLSSubject, MacroTLSIssuer:
		return framework.StageHelo, true
	case MacroAuthUser, MacroAuthType, MacroAuthAuthor, MacroMailAddr, MacroMailMailer, MacroMailHost:
		return framework.StageMail, true
	case MacroRcptAddr, MacroRcptMailer, MacroRcptHost:
		return framework.StageRcpt, true
	case MacroQueueID:
		return framework.StageData, true
	}
	return 0, false
}

// logKey is what log lines call the macro.
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
