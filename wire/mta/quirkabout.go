package mta

// aboutQuirk is what is known of a quirk.
type aboutQuirk struct{ name, what, who, seen string }

// String returns the quirk's name in words.
func (q Quirk) String() string {
	if q >= numQuirks {
		return "no quirk"
	}
	return quirks[q].name
}

// About returns what the quirk is, which MTAs have it, and where that was seen:
// the name of a test against the real MTAs, or what else is known.
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
	both     = postfix + ", " + sendmail
	neither  = "neither Postfix nor Sendmail; other MTAs may"
	unseen   = "allowed by the protocol, not seen"
)

// quirks is fixed; it is a variable because Go has no constant tables.
var quirks = [numQuirks]aboutQuirk{
	AbortAfterEnd: {
		"abort after the end",
		"SMFIC_ABORT follows every message, be it accepted at its end, and comes again before SMFIC_QUIT.",
		postfix, "TestProveAborts",
	},
	NoAbortAfterVerdict: {
		"no abort after an early verdict",
		"A message that ends by the filter's last word is not aborted: the next SMFIC_MAIL follows at once, or, where it is withheld, what follows it.",
		sendmail, "TestProveAborts",
	},
	QuitInMessage: {
		"quit in a message",
		"When the client leaves in the middle of a message, SMFIC_QUIT comes without SMFIC_ABORT.",
		sendmail, "TestProveAborts",
	},
	CloseWithoutQuit: {
		"close without quit",
		"After a last word at CONNECT or HELO the connection is closed without SMFIC_QUIT.",
		postfix, "TestProveAborts",
	},
	ReusedConnection: {
		"a reused connection",
		"Several SMTP sessions go over one connection, with SMFIC_QUIT_NC between them: all state of the session starts anew.",
		neither, unseen,
	},
	HeloTwice: {
		"HELO twice",
		"The client says HELO again, as it does after STARTTLS.",
		both, "TestProveAborts",
	},
	HeloInMessage: {
		"HELO in a message",
		"A client gives a message up by another HELO, which comes before SMFIC_ABORT does.",
		postfix, "TestProveAborts",
	},
	DataAgain: {
		"DATA again",
		"SMFIC_DATA comes once more in the same message, for another filter refused the first, and the client said DATA again.",
		both, "TestDataAgain",
	},
	SkipLeaves: {
		"SKIP leaves",
		"SMFIR_SKIP at CONNECT to DATA means that the filter sees nothing more of the session, which is no safe thing to say; at the header it skips the body too.",
		sendmail, "TestProveSkip",
	},
	MacrosForWithheld: {
		"macros for withheld events",
		"The macros of an event of the envelope come even where the event itself is withheld.",
		both, "TestProveMacroLists",
	},
	MacrosUnasked: {
		"macros for every event",
		"An empty packet of macros comes even where the filter asked for none, with a list of a space.",
		postfix, "TestProveMacroLists",
	},
	MacrosEveryField: {
		"macros before every field",
		"The macros for the end of the header come before each header field, those for the end of the message before each chunk of the body.",
		postfix, "TestProveMacroLists",
	},
	EmptyMacros: {
		"empty macro packets",
		"A packet of macros may have none in it.",
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
		"The macro i has no value before the first recipient was accepted.",
		postfix, "TestTrafficOfPostfix",
	},
	EmptyListDefault: {
		"an empty list is no list",
		"A filter that asks for an empty list of macros gets those that are sent by default.",
		postfix, "TestProveMacroLists",
	},
	EndListNeedsEOH: {
		"the list of the end needs one of the header",
		"The macros that were asked for at the end of the message come only if some were asked for at the end of the header; those alone leave the end of the message without.",
		sendmail, "TestProveEndOfMessageList",
	},
	NoBrackets: {
		"no angle brackets",
		"Addresses of the envelope come as the client wrote them, without angle brackets.",
		neither, "in reports of other libraries, not seen",
	},
	IPv6Prefix: {
		"the prefix IPv6:",
		"The client's IPv6 address comes as \"IPv6:2001:db8::1\".",
		"Sendmail", "read in its sources, not seen",
	},
	UnknownFamily: {
		"an unknown family",
		"SMFIC_CONNECT has the family U, and neither port nor address.",
		"Postfix and Sendmail", "read in their sources, not seen",
	},
	RejectedRcpt: {
		"a recipient refused by the MTA",
		"With SMFIP_RCPT_REJ, SMFIC_RCPT tells of recipients that the MTA refused, and only the macro {rcpt_mailer} says so.",
		both, "TestProveRejectedRcpt",
	},
	LongFields: {
		"long header fields",
		"A header field of 100 KB comes in one frame, though libmilter takes 64 KiB.",
		"Postfix 3.7 (header_size_limit)", "by its documentation",
	},
	BodyInEnd: {
		"a piece of the body at the end",
		"SMFIC_BODYEOB brings the last chunk of the body.",
		neither, unseen,
	},
	DeleteMarks: {
		"deleting marks",
		"A header field that was deleted still counts for the indexes of later changes.",
		sendmail, "TestProveHeaderEdits",
	},
	AddAboveFirst: {
		"adding above the first",
		"SMFIR_ADDHEADER puts a field above the first of its name, not at the end.",
		sendmail, "TestProveHeaderEdits",
	},
	HiddenFieldsCount: {
		"hidden fields count",
		"SMFIR_INSHEADER counts seven fields that the MTA has in store, above those that it shows.",
		sendmail, "TestProveSendmailInsertIndex",
	},
	ManyEditsLost: {
		"many edits are lost",
		"A message is not delivered after 10,000 header fields were inserted or changed, or after fewer that were edited from the first to the last: each is a jump backwards in the queue file, and those on the way to the next count again.",
		postfix, "TestProveJumps",
	},
	AddRcptTwice: {
		"a recipient twice",
		"A recipient that is added though the message has it gets the message twice.",
		postfix, "TestEditsOfPostfix",
	},
	ExtraOffer: {
		"more in the offer",
		"The offer goes on behind its three numbers.",
		neither, "libmilter reads three numbers and passes over the rest; not seen",
	},
	UnknownBits: {
		"unknown bits",
		"The offer has bits that came after the filter was written. It must not answer with them.",
		"MTAs to come", unseen,
	},
}
