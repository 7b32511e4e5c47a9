package mta

// quirkInfo describes a quirk.
type quirkInfo struct{ name, what, who, seen string }

// String returns the quirk's name in words.
func (q Quirk) String() string {
	if q >= numQuirks {
		return "no quirk"
	}
	return quirks[q].name
}

// About describes the quirk. what says what the MTA does, who names the MTAs
// that do it, and seen is the evidence: usually the name of a test against the
// real MTAs.
func (q Quirk) About() (what, who, seen string) {
	if q >= numQuirks {
		return "", "", ""
	}
	a := quirks[q]
	return a.what, a.who, a.seen
}

const (
	postfix  = "Postfix 3.7"
	sendmail = "Sendmail 8.17"
	maddy    = "Maddy 0.8"
	both     = postfix + ", " + sendmail
	neither  = "neither Postfix nor Sendmail; other MTAs may"
	unseen   = "allowed by the protocol, not seen"
	read     = "read in its sources, not seen"
)

// quirks is never changed. It is a variable because Go has no constant arrays.
var quirks = [numQuirks]quirkInfo{
	AbortAfterEnd: {
		"abort after the end",
		"SMFIC_ABORT follows every message, even one that was accepted at its end. Another SMFIC_ABORT precedes SMFIC_QUIT.",
		postfix, "TestProveAborts",
	},
	NoAbortAfterVerdict: {
		"no abort after an early verdict",
		"No SMFIC_ABORT follows a message that the filter decided before its end. The next command is SMFIC_MAIL or, if the filter declined it, the command after it.",
		sendmail, "TestProveAborts",
	},
	QuitInMessage: {
		"quit in a message",
		"If the client disconnects in the middle of a message, SMFIC_QUIT comes without SMFIC_ABORT.",
		sendmail, "TestProveAborts",
	},
	CloseWithoutQuit: {
		"close without quit",
		"After a final verdict at CONNECT or HELO, the MTA closes the connection without SMFIC_QUIT.",
		postfix, "TestProveAborts",
	},
	ReusedConnection: {
		"a reused connection",
		"One connection carries several SMTP sessions, with SMFIC_QUIT_NC between them. The filter must reset all state of the session.",
		neither, unseen,
	},
	HeloTwice: {
		"HELO twice",
		"The client sends HELO again, as it does after STARTTLS.",
		both, "TestProveAborts",
	},
	HeloInMessage: {
		"HELO in a message",
		"A client gives up a message by another HELO. SMFIC_HELO comes before SMFIC_ABORT.",
		postfix, "TestProveAborts",
	},
	DataAgain: {
		"DATA again",
		"SMFIC_DATA comes twice in one message, because another filter refused the first DATA and the client sent DATA again.",
		both, "TestDataAgain",
	},
	SkipLeaves: {
		"SKIP leaves",
		"After SMFIR_SKIP at a stage from CONNECT to DATA, the filter receives nothing more of the session, which makes the reply unsafe. At the header, SMFIR_SKIP also skips the body.",
		sendmail, "TestProveSkip",
	},
	MacrosForWithheld: {
		"macros for withheld events",
		"The macros of an envelope event come even if the MTA omits the event because the filter declined it.",
		both, "TestProveMacroLists",
	},
	MacrosUnasked: {
		"macros for every event",
		"An empty packet of macros comes even if the filter requested no macros, by a list that is a single space.",
		postfix, "TestProveMacroLists",
	},
	MacrosEveryField: {
		"macros before every field",
		"The macros for the end of the header come before each header field. The macros for the end of the message come before each chunk of the body.",
		postfix, "TestProveMacroLists",
	},
	EmptyMacros: {
		"empty macro packets",
		"A packet of macros may be empty.",
		both, "TestProveMacroLists",
	},
	OddMacros: {
		"an odd list of macros",
		"The last macro of a packet comes without a value.",
		"Sendmail", "read in its sources, not seen",
	},
	StrayMacros: {
		"macros for no command",
		"Macros come for a command that the filter does not know.",
		neither, "in reports of other libraries, not seen",
	},
	QueueIDLate: {
		"a late queue id",
		"The macro i has no value before the MTA has accepted the first recipient.",
		postfix, "TestTrafficOfPostfix",
	},
	EmptyListDefault: {
		"an empty list is no list",
		"A filter that requests an empty list of macros gets the default macros.",
		postfix, "TestProveMacroLists",
	},
	EndListNeedsEOH: {
		"the list of the end needs one of the header",
		"The MTA honors a list for the end of the message only if the filter also requested one for the end of the header. A list for the end of the header alone leaves the end of the message without macros.",
		sendmail, "TestProveEndOfMessageList",
	},
	NoBrackets: {
		"no angle brackets",
		"Envelope addresses have no angle brackets if the client sent none.",
		neither, "in reports of other libraries, not seen",
	},
	IPv6Prefix: {
		"the prefix IPv6:",
		"The client's IPv6 address comes as \"IPv6:2001:db8::1\".",
		"Sendmail", "read in its sources, not seen",
	},
	UnknownFamily: {
		"an unknown family",
		"SMFIC_CONNECT has the family U and neither port nor address.",
		"Postfix and Sendmail", "read in their sources, not seen",
	},
	RejectedRcpt: {
		"a recipient refused by the MTA",
		"With SMFIP_RCPT_REJ, SMFIC_RCPT also reports recipients that the MTA refused. Only the macro {rcpt_mailer} distinguishes them.",
		both, "TestProveRejectedRcpt",
	},
	LongFields: {
		"long header fields",
		"A header field of 100 KB comes in one frame, although libmilter accepts 64 KiB.",
		"Postfix 3.7 (header_size_limit)", "by its documentation",
	},
	BodyInEnd: {
		"a piece of the body at the end",
		"SMFIC_BODYEOB carries the last chunk of the body.",
		neither, unseen,
	},
	DeleteMarks: {
		"deleting marks",
		"The indexes of later changes still count a header field that was deleted.",
		sendmail, "TestProveHeaderEdits",
	},
	AddAboveFirst: {
		"adding above the first",
		"SMFIR_ADDHEADER puts a field above the first of its name, not at the end.",
		sendmail, "TestProveHeaderEdits",
	},
	HiddenFieldsCount: {
		"hidden fields count",
		"SMFIR_INSHEADER counts seven fields that the MTA keeps above the fields that it shows.",
		sendmail, "TestProveSendmailInsertIndex",
	},
	ManyEditsLost: {
		"many edits are lost",
		"A message is not delivered if 10,000 header fields were inserted or changed, or fewer that were edited from the first to the last. Each edit is a backward jump in the queue file, and every jump on the way to the next edit counts again.",
		postfix, "TestProveJumps",
	},
	AddRcptTwice: {
		"a recipient twice",
		"A recipient that is added although the message already has it gets the message twice.",
		postfix, "TestEditsOfPostfix",
	},
	ExtraOffer: {
		"more in the offer",
		"The offer has more data after its three numbers.",
		neither, "libmilter reads three numbers and ignores the rest; not seen",
	},
	UnknownBits: {
		"unknown bits",
		"The offer has bits that were defined after the filter was written. The filter must not answer with them.",
		"future MTAs", unseen,
	},
	OtherName: {
		"another name",
		"The macro v is the name that the administrator gave the MTA, such as Postcow.",
		"Postfix (mail_name, milter_macro_v)", "TestProvePostfixByAnotherName",
	},
	AcceptContinues: {
		"accept continues",
		"After SMFIR_ACCEPT the MTA goes on with the same message, as after SMFIR_CONTINUE.",
		"Stalwart", read,
	},
	HeaderInBody: {
		"the header in the body",
		"SMFIC_BODY carries the whole message: the header, which SMFIC_HEADER carries as well, the empty line and the body.",
		"Stalwart", read,
	},
	Unnegotiated: {
		"events that were not negotiated",
		"SMFIC_DATA comes although the MTA did not offer to omit it. SMFIC_EOH comes although the filter declined it. The MTA waits for an answer to both.",
		"Stalwart", read,
	},
	RawFields: {
		"raw fields",
		"Values come without white space at the ends, and with CRLF between their lines. A value that is not UTF-8 comes empty. New values are written into the message as they are.",
		"Stalwart", read,
	},
	NoArguments: {
		"no ESMTP arguments",
		"SMFIC_MAIL and SMFIC_RCPT come without the arguments of the client, such as SIZE.",
		"Stalwart", read,
	},
	FewMacros: {
		"few macros",
		"There is no queue ID. The macros are {daemon_name}, j, {client_addr}, {client_port} and {client_ptr} at CONNECT, {mail_addr} at MAIL, with {auth_authen} after a login, and {rcpt_addr} at RCPT.",
		"Stalwart", read,
	},
	QuarantineField: {
		"quarantine is a field",
		"SMFIR_QUARANTINE does not hold the message. It adds the field X-Quarantine at the top.",
		"Stalwart", read,
	},
	RefusesForAll: {
		"one refusal for all recipients",
		"The MTA sends the events of a message when the client has sent all of it. If the filter refuses one recipient, the MTA refuses the message.",
		"Stalwart", read,
	},
	HeloAsHost: {
		"HELO as host name",
		"The host name of SMFIC_CONNECT is the name that the client says in HELO, so the client chooses it.",
		maddy, "TestTraffic in miltertest/maddy",
	},
	FixedMacros: {
		"fixed macros",
		"The macros are daemon_name, if_name and if_addr at CONNECT, always with the same values, and i at MAIL. Their names have no braces.",
		maddy, "TestTraffic in miltertest/maddy",
	},
	OnlySMTPUTF8: {
		"only SMTPUTF8",
		"Of the arguments of the client, SMFIC_MAIL has SMTPUTF8 alone, and SMFIC_RCPT has none.",
		maddy, "TestTraffic in miltertest/maddy",
	},
	NoData: {
		"no DATA",
		"SMFIC_DATA does not come, although the version has it.",
		maddy, "TestTraffic in miltertest/maddy",
	},
	UnfoldedFields: {
		"unfolded fields",
		"Values come in one line, without white space at the ends of their lines. MESSAGE-id comes as Message-Id.",
		maddy, "TestTraffic in miltertest/maddy",
	},
	TopFields: {
		"new fields on top",
		"Each new field goes above all others, whatever its index. Its value is written into the message as it is.",
		maddy, "TestFilters in miltertest/maddy",
	},
	OwnReplies: {
		"own texts",
		"The client sees the code of the filter's reply, and the MTA's text instead of the filter's. A message that the filter discards is refused with 450.",
		maddy, "TestReplies in miltertest/maddy",
	},
	AbortBeforeQuit: {
		"abort before quit",
		"If the last message came to its end, SMFIC_ABORT precedes SMFIC_QUIT.",
		maddy, "TestTraffic in miltertest/maddy",
	},
	LowerDomains: {
		"lower domains",
		"The domains of the envelope addresses come in lower case.",
		maddy, "TestTraffic in miltertest/maddy",
	},
}
