package mta

// Flavor says which MTA is played where MTAs differ. It stands for a set of
// quirks, and for the macros that are sent by default.
type Flavor int

// The flavors.
const (
	// Postfix repeats macros before every header field and body chunk, and
	// ends every message with SMFIC_ABORT. A header field that it deleted
	// no longer counts.
	Postfix Flavor = iota
	// Sendmail sends no macros before header fields and body chunks, and no
	// SMFIC_ABORT after a message that came to its end or was decided. A
	// header field that it deleted still counts, and one that it adds stands
	// above the first of its name.
	Sendmail
	// Plain is no real MTA. It does what a filter's author would expect after
	// reading the documentation of libmilter, and has no quirk.
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

// Quirks returns the quirks that the MTA has by itself. Others depend on what
// clients do, and on its version.
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
