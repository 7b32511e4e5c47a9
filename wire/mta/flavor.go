package mta

// Flavor selects the MTA to imitate. It determines a set of quirks and the
// macros that are sent by default.
type Flavor int

// The flavors.
const (
	// Postfix repeats macros before every header field and body chunk, and
	// sends SMFIC_ABORT after every message. Indexes do not count header
	// fields that were deleted.
	Postfix Flavor = iota
	// Sendmail sends no macros before header fields and body chunks. It
	// sends no SMFIC_ABORT after a message that reached its end or got an
	// earlier verdict. Indexes count header fields that were deleted. A
	// field that is added goes above the first one of the same name.
	Sendmail
	// Plain is not a real MTA. It has no quirks and behaves as the
	// documentation of libmilter lets a filter's author expect.
	Plain
)

// String returns the MTA's name.
func (f Flavor) String() string {
	switch f {
	case Sendmail:
		return "Sendmail"
	case Plain:
		return "Plain"
	default:
		return "Postfix"
	}
}

// Quirks returns the quirks that the MTA has in every session. Further quirks
// depend on the behavior of clients and on the MTA's version.
func (f Flavor) Quirks() Quirks {
	switch f {
	case Plain:
		return 0
	case Sendmail:
		return QuirkSet(
			NoAbortAfterVerdict, QuitInMessage, SkipLeaves, MacrosForWithheld, EmptyMacros, EndListNeedsEOH, IPv6Prefix, LongFields,
			DeleteMarks, AddAboveFirst, HiddenFieldsCount,
		)
	default:
		return QuirkSet(
			AbortAfterEnd, CloseWithoutQuit, MacrosForWithheld, MacrosUnasked, MacrosEveryField, EmptyMacros,
			QueueIDLate, EmptyListDefault, LongFields, ManyEditsLost, AddRcptTwice,
		)
	}
}
