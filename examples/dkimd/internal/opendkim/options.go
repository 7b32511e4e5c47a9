package opendkim

import (
	"slices"
	"strings"
)

// Effect says what becomes of an option.
type Effect uint8

// Values of Effect.
const (
	// Mapped options have a counterpart: a setting of dkimd.
	Mapped Effect = iota
	// Needless options mean nothing for dkimd.
	Needless
	// Missing options have no counterpart. Without them, the same mail is signed
	// and refused.
	Missing
	// Changes are options without a counterpart. Without them, other mail is
	// signed or refused.
	Changes
)

// kind is the type of an option's value.
type kind uint8

const (
	text kind = iota
	boolean
	integer
)

// Option is an option of opendkim.conf(5).
type Option struct {
	Name   string
	Effect Effect
	// Text is the counterpart in dkimd, or says why there is none, in
	// Markdown.
	Text string

	kind kind
}

// Options returns all options in the order of opendkim.conf(5), and those that
// OpenDKIM 2.11 reads though the manual page does not list them.
func Options() []Option { return slices.Clone(options[:]) }

// find returns the option with a name, or nil. Names have no case.
func find(name string) *Option {
	for i := range options {
		if strings.EqualFold(options[i].Name, name) {
			return &options[i]
		}
	}
	return nil
}

const (
	ldapText   = "dkimd does not read LDAP"
	reports    = "dkimd sends no reports"
	service    = "left to the service manager"
	statistics = "metrics for Prometheus take the place of statistics"
	lua        = "dkimd runs no scripts"
	vbr        = "dkimd has no VBR"
	atps       = "dkimd has no ATPS"
	dnssec     = "dkimd does not use DNSSEC; a validating name server in `dns.servers` refuses forged keys"
)

// options is read only.
var options = [...]Option{
	{Name: "AllowSHA1Only", Effect: Needless, Text: "dkimd always has SHA-256", kind: boolean},
	{Name: "AlwaysAddARHeader", Effect: Needless, Text: "always on", kind: boolean},
	{Name: "AuthservID", Effect: Mapped, Text: "`authserv_id`"},
	{Name: "AuthservIDWithJobID", Effect: Missing, Text: "the name in a field is always `authserv_id`", kind: boolean},
	{Name: "AutoRestart", Effect: Needless, Text: service, kind: boolean},
	{Name: "AutoRestartCount", Effect: Needless, Text: service, kind: integer},
	{Name: "AutoRestartRate", Effect: Needless, Text: service},
	{Name: "Background", Effect: Needless, Text: service, kind: boolean},
	{Name: "BaseDirectory", Effect: Mapped, Text: "the paths are written in full, also those in a KeyTable"},
	{Name: "BodyLengthDB", Effect: Missing, Text: "dkimd signs the whole body, without `l=`"},
	{Name: "BogusKey", Effect: Missing, Text: dnssec},
	{Name: "CaptureUnknownErrors", Effect: Missing, Text: "the mail server's default action decides after an error", kind: boolean},
	{Name: "Canonicalization", Effect: Mapped, Text: "`signing.canonicalization`"},
	{Name: "ChangeRootDirectory", Effect: Needless, Text: service},
	{Name: "ClockDrift", Effect: Mapped, Text: "`verifying.skew`", kind: integer},
	{Name: "Diagnostics", Effect: Missing, Text: "dkimd writes no `z=`", kind: boolean},
	{Name: "DiagnosticDirectory", Effect: Missing, Text: "dkimd reads no `z=`"},
	{Name: "DisableCryptoInit", Effect: Needless, Text: "dkimd uses the libraries of Go", kind: boolean},
	{Name: "DNSConnect", Effect: Missing, Text: "dkimd uses TCP for an answer that is truncated", kind: boolean},
	{Name: "DNSTimeout", Effect: Mapped, Text: "`dns.timeout`", kind: integer},
	{Name: "Domain", Effect: Mapped, Text: "an entry in `keys` and one in `signing.rules` for each domain"},
	{Name: "DomainKeysCompat", Effect: Missing, Text: "key records of DomainKeys are not read", kind: boolean},
	{Name: "DontSignMailTo", Effect: Mapped, Text: "`signing.except_recipients`"},
	{Name: "EnableCoredumps", Effect: Needless, Text: service, kind: boolean},
	{Name: "ExemptDomains", Effect: Changes, Text: "dkimd looks at mail of every author"},
	{Name: "ExternalIgnoreList", Effect: Needless, Text: "it only keeps lines out of OpenDKIM's log"},
	{Name: "FinalPolicyScript", Effect: Changes, Text: lua},
	{Name: "FixCRLF", Effect: Missing, Text: "mail servers send whole line ends", kind: boolean},
	{Name: "IdentityHeader", Effect: Missing, Text: "`identity` of a key sets `i=`"},
	{Name: "IdentityHeaderRemove", Effect: Missing, Text: "headerd can remove the field", kind: boolean},
	{Name: "IgnoreMalformedMail", Effect: Needless, Text: "mail that dkimd cannot read passes, with its result", kind: boolean},
	{Name: "Include", Effect: Mapped, Text: "the included files are read"},
	{Name: "InternalHosts", Effect: Mapped, Text: "`trust.hosts_file` or `trust.networks`; names of hosts, and texts that OpenDKIM never finds, are left out"},
	{Name: "KeepAuthResults", Effect: Missing, Text: "fields with the name of this host are always removed", kind: boolean},
	{Name: "KeepTemporaryFiles", Effect: Needless, Text: "dkimd writes no temporary files", kind: boolean},
	{Name: "KeyFile", Effect: Mapped, Text: "`file` in `keys`"},
	{Name: "KeyTable", Effect: Mapped, Text: "`signing.opendkim.key_table`"},
	{Name: "LDAPAuthMechanism", Effect: Needless, Text: ldapText},
	{Name: "LDAPAuthName", Effect: Needless, Text: ldapText},
	{Name: "LDAPAuthRealm", Effect: Needless, Text: ldapText},
	{Name: "LDAPAuthUser", Effect: Needless, Text: ldapText},
	{Name: "LDAPBindPassword", Effect: Needless, Text: ldapText},
	{Name: "LDAPBindUser", Effect: Needless, Text: ldapText},
	{Name: "LDAPDisableCache", Effect: Needless, Text: ldapText, kind: boolean},
	{Name: "LDAPKeepaliveIdle", Effect: Needless, Text: ldapText},
	{Name: "LDAPKeepaliveInterval", Effect: Needless, Text: ldapText},
	{Name: "LDAPKeepaliveProbes", Effect: Needless, Text: ldapText},
	{Name: "LDAPTimeout", Effect: Needless, Text: ldapText},
	{Name: "LDAPUseTLS", Effect: Needless, Text: ldapText, kind: boolean},
	{Name: "LogResults", Effect: Needless, Text: "the log always has each result", kind: boolean},
	{Name: "LogWhy", Effect: Needless, Text: "the log always has the reason; `-log-level debug` logs more", kind: boolean},
	{Name: "MacroList", Effect: Mapped, Text: "`trust.macros`; a macro without a value has no list"},
	{Name: "MaximumHeaders", Effect: Changes, Text: "dkimd refuses a header over 8 MiB; Postfix has `header_size_limit`", kind: integer},
	{Name: "MaximumSignaturesToVerify", Effect: Mapped, Text: "`verifying.max_signatures`", kind: integer},
	{Name: "MaximumSignedBytes", Effect: Missing, Text: "dkimd signs the whole body, without `l=`", kind: integer},
	{Name: "MilterDebug", Effect: Needless, Text: "`-log-level debug`", kind: integer},
	{Name: "Minimum", Effect: Missing, Text: "`verifying.body_length` says which `l=` are accepted: the whole body, any, or none"},
	{Name: "MinimumKeyBits", Effect: Mapped, Text: "`verifying.min_bits`, at least 1024", kind: integer},
	{Name: "Mode", Effect: Mapped, Text: "`mode: sign`, `verify` or `both`"},
	{Name: "MTA", Effect: Mapped, Text: "`trust.macros`, with `{daemon_name}`"},
	{Name: "MTACommand", Effect: Needless, Text: reports},
	{Name: "MultipleSignatures", Effect: Mapped, Text: "`signing.all_rules`", kind: boolean},
	{Name: "MustBeSigned", Effect: Missing, Text: "only From must be signed"},
	{Name: "Nameservers", Effect: Mapped, Text: "`dns.servers`"},
	{Name: "NoHeaderB", Effect: Missing, Text: "results always have `header.b`", kind: boolean},
	{Name: "OmitHeaders", Effect: Mapped, Text: "the names are left out of `signing.headers`"},
	{Name: "On-BadSignature", Effect: Mapped, Text: "`fail` in `verifying.policies`; see below"},
	{Name: "On-Default", Effect: Mapped, Text: "all actions in `verifying.policies`"},
	{Name: "On-DNSError", Effect: Mapped, Text: "`temperror` in `verifying.policies`"},
	{Name: "On-InternalError", Effect: Changes, Text: "dkimd defers the mail, as `tempfail` does"},
	{Name: "On-KeyNotFound", Effect: Mapped, Text: "`fail` in `verifying.policies`, which has one action for both"},
	{Name: "On-NoSignature", Effect: Mapped, Text: "`unsigned` in `verifying.policies`; see below"},
	{Name: "On-Security", Effect: Changes, Text: "dkimd has no such check"},
	{Name: "On-SignatureError", Effect: Changes, Text: "dkimd defers mail that it cannot sign, as `tempfail` does"},
	{Name: "OversignHeaders", Effect: Mapped, Text: "`signing.oversign`"},
	{Name: "PeerList", Effect: Changes, Text: "the mail server chooses the filters for a client; Postfix has `smtpd_milter_maps`"},
	{Name: "PidFile", Effect: Needless, Text: service},
	{Name: "POPDBFile", Effect: Changes, Text: "a client that has logged in, or a network in `trust`"},
	{Name: "Quarantine", Effect: Mapped, Text: "`fail: quarantine` in `verifying.policies`", kind: boolean},
	{Name: "QueryCache", Effect: Needless, Text: "always on", kind: boolean},
	{Name: "RedirectFailuresTo", Effect: Changes, Text: "dkimd changes no recipients; `fail: quarantine` holds the mail"},
	{Name: "RemoveARAll", Effect: Needless, Text: "all results under a name of this host are removed", kind: boolean},
	{Name: "RemoveARFrom", Effect: Mapped, Text: "`also_remove`, by whole names"},
	{Name: "RemoveOldSignatures", Effect: Missing, Text: "dkimd removes no signatures; headerd can", kind: boolean},
	{Name: "ReplaceHeaders", Effect: Missing, Text: "mount dkimd after all that changes the header"},
	{Name: "ReplaceRules", Effect: Missing, Text: "mount dkimd after all that changes the header"},
	{Name: "ReportAddress", Effect: Needless, Text: reports},
	{Name: "ReportBccAddress", Effect: Needless, Text: reports},
	{Name: "RequestReports", Effect: Missing, Text: reports, kind: boolean},
	{Name: "RequiredHeaders", Effect: Changes, Text: "headerd can refuse such mail", kind: boolean},
	{Name: "RequireSafeKeys", Effect: Mapped, Text: "`no` is `allow_readable: true`", kind: boolean},
	{Name: "ResignAll", Effect: Changes, Text: "dkimd signs or verifies a message", kind: boolean},
	{Name: "ResignMailTo", Effect: Changes, Text: "dkimd signs or verifies a message"},
	{Name: "ResolverConfiguration", Effect: Missing, Text: "`dns` has all settings of the resolver"},
	{Name: "ResolverTracing", Effect: Needless, Text: "`-log-level debug`", kind: boolean},
	{Name: "ScreenPolicyScript", Effect: Changes, Text: lua},
	{Name: "SelectCanonicalizationHeader", Effect: Missing, Text: "all mail is signed with `signing.canonicalization`"},
	{Name: "Selector", Effect: Mapped, Text: "`selector` in `keys`"},
	{Name: "SenderHeaders", Effect: Changes, Text: "only the address in From decides who signs"},
	{Name: "SenderMacro", Effect: Changes, Text: "only the address in From decides who signs"},
	{Name: "SendReports", Effect: Missing, Text: reports, kind: boolean},
	{Name: "SetupPolicyScript", Effect: Changes, Text: lua},
	{Name: "SignatureAlgorithm", Effect: Mapped, Text: "follows from the key, always with SHA-256"},
	{Name: "SignatureTTL", Effect: Mapped, Text: "`signing.lifetime`", kind: integer},
	{Name: "SignHeaders", Effect: Mapped, Text: "`signing.headers`"},
	{Name: "SigningTable", Effect: Mapped, Text: "`signing.opendkim.signing_table`"},
	{Name: "SMTPURI", Effect: Needless, Text: reports},
	{Name: "Socket", Effect: Mapped, Text: "`-listen`; for a path, the socket unit in docs/deploy"},
	{Name: "SoftStart", Effect: Needless, Text: "there is no database to wait for", kind: boolean},
	{Name: "SoftwareHeader", Effect: Missing, Text: "dkimd adds no field with its name; headerd can", kind: boolean},
	{Name: "Statistics", Effect: Missing, Text: statistics},
	{Name: "StatisticsName", Effect: Needless, Text: statistics},
	{Name: "StatisticsPolicyScript", Effect: Missing, Text: statistics},
	{Name: "StatisticsPrefix", Effect: Needless, Text: statistics},
	{Name: "StrictHeaders", Effect: Changes, Text: "headerd can refuse such mail", kind: boolean},
	{Name: "StrictTestMode", Effect: Needless, Text: "it is for OpenDKIM's tests of itself", kind: boolean},
	{Name: "SubDomains", Effect: Mapped, Text: "`.DOMAIN` in the senders of a rule", kind: boolean},
	{Name: "Syslog", Effect: Needless, Text: "dkimd logs to standard error", kind: boolean},
	{Name: "SyslogFacility", Effect: Needless, Text: service},
	{Name: "SyslogName", Effect: Needless, Text: service},
	{Name: "SyslogSuccess", Effect: Needless, Text: "the log always has each result", kind: boolean},
	{Name: "TemporaryDirectory", Effect: Needless, Text: "dkimd writes no temporary files"},
	{Name: "TestDNSData", Effect: Mapped, Text: "`dns.records`"},
	{Name: "TestPublicKeys", Effect: Mapped, Text: "`dns.records`"},
	{Name: "TrustAnchorFile", Effect: Missing, Text: dnssec},
	{Name: "TrustSignaturesFrom", Effect: Missing, Text: "signatures of every domain are verified; those of the author's domain first"},
	{Name: "UMask", Effect: Needless, Text: "the socket unit in docs/deploy says who may connect"},
	{Name: "UnprotectedKey", Effect: Missing, Text: dnssec},
	{Name: "UserID", Effect: Needless, Text: service},
	{Name: "VBR-Certifiers", Effect: Missing, Text: vbr},
	{Name: "VBR-PurgeFields", Effect: Missing, Text: vbr},
	{Name: "VBR-TrustedCertifiers", Effect: Missing, Text: vbr},
	{Name: "VBR-TrustedCertifiersOnly", Effect: Missing, Text: vbr, kind: boolean},
	{Name: "VBR-Type", Effect: Missing, Text: vbr},
	{Name: "WeakSyntaxChecks", Effect: Needless, Text: "signatures are verified whatever the header is like", kind: boolean},

	{Name: "ATPSDomains", Effect: Missing, Text: atps},
	{Name: "ATPSHashAlgorithm", Effect: Needless, Text: atps},
	{Name: "On-PolicyError", Effect: Needless, Text: "it is for ADSP, which OpenDKIM no longer has"},
	{Name: "X-Header", Effect: Missing, Text: "dkimd adds no field with its name; headerd can", kind: boolean},
}
