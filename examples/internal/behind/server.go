package behind

import (
	"strings"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Server is what is known of a mail server as the client of a milter.
type Server struct {
	// Name is the name for the flag -behind.
	Name string
	// Title is the name in prose. It heads the server's column in docs/mtas.md.
	Title string
	// Offer is what the server offers by default.
	Offer mta.Offer
	// Unsent are stages that the server never sends.
	Unsent []framework.Stage
	// Macros are all macros that the server has. Nil means that it has any that a filter
	// asks for, but Without.
	Macros []string
	// Without are macros that the server does not have, if Macros is nil.
	Without []string
	// Habits are the ways in which the server differs from what a filter expects.
	Habits []Habit
}

// Habit is a way of a server. Row is one of docs/mtas.md, whose cell has the text Cell.
type Habit struct {
	Row, Cell string
	// Concerns is the protocol option that the server does not offer. If it is set, the habit
	// matters only to plans that ask for the option.
	Concerns wire.Protocol
	// Action is a modification. If it is set, the habit matters only to plans that ask for it.
	Action wire.Actions
	// Meaning says what that means for the filters, or what Sluice does about it. It may be
	// empty.
	Meaning string
}

// noRawFields is the habit of a server that does not show fields byte by byte.
func noRawFields() Habit {
	return Habit{
		Row: "white space after the colon (HDR_LEADSPC)", Cell: "no", Concerns: wire.ProtoHdrLeadSpc,
		Meaning: "Sluice signs the header with relaxed, and takes a signature of others with simple that does not verify as neutral; tell a remote milter to sign with relaxed",
	}
}

// Servers returns the servers in the order of docs/mtas.md.
func Servers() []Server { return []Server{postfix(), sendmail(), maddy(), stalwart()} }

// Names returns the names for the flag, in alphabetical order.
func Names() []string { return []string{"maddy", "postfix", "sendmail", "stalwart"} }

// Find returns the server with a name for the flag.
func Find(name string) (Server, bool) {
	return lo.Find(Servers(), func(s Server) bool { return s.Name == name })
}

func postfix() Server {
	return Server{
		Name: "postfix", Title: "Postfix", Offer: mta.PostfixOffer(wire.MaxVersion),
		Without: []string{"t", "if_name", "if_addr"},
		Habits: []Habit{
			{Row: "macros of TLS", Cell: "up to DATA", Meaning: "they are gone at the end of the header and of the message"},
			{Row: "header fields", Cell: "without Bcc, Return-Path and others"},
			{Row: "filter fails, by default", Cell: "3.7.11: 451 for the rest of the connection. 3.10.13 and 3.11.7: 421, and the connection is closed", Meaning: "set milter_default_action = tempfail"},
		},
	}
}

func sendmail() Server {
	return Server{
		Name: "sendmail", Title: "Sendmail", Offer: mta.SendmailOffer(),
		Habits: []Habit{
			{Row: "progress before the end", Cell: "drops the filter", Meaning: "Sluice sends none: a handler that takes longer than the R of T= loses the filter"},
			{Row: "filter fails, by default", Cell: "the mail passes, unless the filter has F=T or F=R", Meaning: "set F=T"},
		},
	}
}

func maddy() Server {
	return Server{
		Name: "maddy", Title: "Maddy",
		Offer:  mta.Offer{Version: wire.MaxVersion, Actions: wire.ActionAddHdrs | wire.ActionQuarantine},
		Unsent: []framework.Stage{framework.StageData, framework.StageUnknown},
		Macros: []string{
			"daemon_name", "if_name", "if_addr", "tls_version", "cipher", "cert_subject", "cert_issuer", "i", "auth_authen",
		},
		Habits: []Habit{
			{Row: "add and insert fields", Cell: "yes, always at the top", Action: wire.ActionAddHdrs},
			{Row: "quarantine", Cell: "the target decides", Action: wire.ActionQuarantine},
			noRawFields(),
			{Row: "host name of the client", Cell: "the name of HELO", Meaning: "do not trust it"},
			{Row: "domains of addresses", Cell: "in lower case"},
			{Row: "arguments of MAIL and RCPT", Cell: "SMTPUTF8 alone"},
			{Row: "header fields", Cell: "in one line, and with other capitals", Meaning: "relaxed signatures verify all the same"},
			{Row: "connections", Cell: "one for each message", Meaning: "what a filter keeps for a connection lasts for one message"},
			{Row: "text of a refusal", Cell: "replaced, only the code stays"},
			{Row: "refusal before RCPT", Cell: "of all later messages of the session too", Meaning: "a temporary one lasts until the client connects again"},
			{Row: "discard", Cell: "450", Meaning: "the client gets the message back, and may try again"},
		},
	}
}

func stalwart() Server {
	return Server{
		Name: "stalwart", Title: "Stalwart",
		Offer: mta.Offer{
			Version: wire.MaxVersion, Actions: wire.KnownActions &^ wire.ActionSetSymList,
			Protocol: wire.ProtoNoHelo | wire.ProtoNoEOH,
		},
		Macros: []string{
			"daemon_name", "j", "client_addr", "client_port", "client_ptr", "cipher", "tls_version", "mail_addr", "rcpt_addr", "auth_authen",
		},
		Habits: []Habit{
			noRawFields(),
			{Row: "replace the body", Cell: "yes, the last replacement wins", Action: wire.ActionChgBody},
			{Row: "quarantine", Cell: "becomes a header field", Action: wire.ActionQuarantine, Meaning: "the message is delivered, not held"},
			{Row: "host name of the client", Cell: "by DNS, not verified, or else the name of HELO", Meaning: "do not trust it"},
			{Row: "domains of addresses", Cell: "the whole address in lower case"},
			{Row: "arguments of MAIL and RCPT", Cell: "no"},
			{Row: "header fields", Cell: "a field that is not UTF-8 arrives empty"},
			{Row: "connections", Cell: "one for each message", Meaning: "what a filter keeps for a connection lasts for one message"},
			{Row: "stages", Cell: "by default all at DATA", Meaning: "a recipient that a filter refuses costs the whole message"},
			{Row: "accept before the end", Cell: "goes on with the same message", Meaning: "Sluice answers the rest as the filters decided"},
			{Row: "progress before the end", Cell: "drops the filter", Meaning: "Sluice sends none: a handler that takes longer than the server waits loses the filter"},
		},
	}
}

// has reports whether the server has a macro.
func (s *Server) has(macro string) bool {
	macro = strings.Trim(macro, "{}")
	if s.Macros == nil {
		return !lo.Contains(s.Without, macro)
	}
	return lo.Contains(s.Macros, macro)
}
