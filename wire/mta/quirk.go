package mta

import "math/bits"

// Quirk is one way in which MTAs differ from each other, or from what the
// documentation of libmilter lets a filter expect. [Config] has quirks of its
// Flavor, and those of its own; each can be had by itself beside [Plain].
// [Quirk.About] says what it is, who has it and where that was seen.
type Quirk uint8

// The quirks. What a quirk says of Postfix and Sendmail was seen with Postfix 3.7
// and Sendmail 8.17 unless it says otherwise.
const (
	// AbortAfterEnd: every message is followed by SMFIC_ABORT, one that was
	// accepted at its end too, and once more before SMFIC_QUIT.
	AbortAfterEnd Quirk = iota
	// NoAbortAfterVerdict: no SMFIC_ABORT follows an early last word.
	NoAbortAfterVerdict
	// QuitInMessage: the session ends in the middle of a message without
	// SMFIC_ABORT.
	QuitInMessage
	// CloseWithoutQuit: after a last word at CONNECT or HELO the connection
	// is closed without SMFIC_QUIT.
	CloseWithoutQuit
	// ReusedConnection: SMTP sessions follow each other on one connection,
	// separated by SMFIC_QUIT_NC.
	ReusedConnection
	// HeloTwice: the client says HELO once more before the first message.
	HeloTwice
	// HeloInMessage: each message is begun, and given up by a HELO, before it
	// is sent; SMFIC_ABORT comes behind the HELO.
	HeloInMessage
	// DataAgain: the first DATA of each message is refused by another filter,
	// and the client says it again, of which no filter is told.
	DataAgain
	// SkipLeaves: SMFIR_SKIP up to DATA ends the filter's part in the session,
	// and SMFIR_SKIP at a header field or its end skips the body.
	SkipLeaves
	// MacrosForWithheld: macros come for events of the envelope that are
	// withheld.
	MacrosForWithheld
	// MacrosUnasked: a packet of macros, if an empty one, comes for every
	// event: also where the MTA has no list, or the filter asked for none.
	MacrosUnasked
	// MacrosEveryField: macros come before every header field and every
	// chunk of the body.
	MacrosEveryField
	// EmptyMacros: packets of macros come with nothing in them.
	EmptyMacros
	// OddMacros: the last macro of a packet lacks its value.
	OddMacros
	// StrayMacros: macros come for a command that does not exist.
	StrayMacros
	// QueueIDLate: the macro i is not there before a recipient was accepted.
	QueueIDLate
	// EmptyListDefault: a filter that asks for no macros at a stage gets
	// those that are sent by default.
	EmptyListDefault
	// EndListNeedsEOH: the macros asked for at the end of the message come
	// only if there is a list for the end of the header as well.
	EndListNeedsEOH
	// NoBrackets: addresses come without angle brackets.
	NoBrackets
	// IPv6Prefix: an IPv6 address has "IPv6:" before it.
	IPv6Prefix
	// UnknownFamily: the client's address is not known, and neither it nor
	// the port is sent.
	UnknownFamily
	// RejectedRcpt: before the recipients of each message the MTA refuses
	// one, and shows it to a filter with SMFIP_RCPT_REJ.
	RejectedRcpt
	// LongFields: a header field of more than 64 KiB comes as it is, in a
	// frame larger than libmilter takes. Without, it is cut.
	LongFields
	// BodyInEnd: SMFIC_BODYEOB brings the last piece of the body.
	BodyInEnd
	// DeleteMarks: a header field that was deleted counts in later indexes.
	DeleteMarks
	// AddAboveFirst: a field that is added goes above the first of its name.
	AddAboveFirst
	// HiddenFieldsCount: an insertion counts fields that are not shown.
	HiddenFieldsCount
	// ManyEditsLost: a message whose header has more edits than the MTA can read
	// back is taken, and not delivered.
	ManyEditsLost
	// AddRcptTwice: a recipient that is added though it is there gets the
	// message twice.
	AddRcptTwice
	// ExtraOffer: the offer has more in it than its three numbers.
	ExtraOffer
	// UnknownBits: the offer has bits set that nobody knows.
	UnknownBits

	numQuirks
)

// AllQuirks returns every quirk that there is.
func AllQuirks() []Quirk { return (Quirks(1)<<numQuirks - 1).List() }

// Quirks is a set of quirks.
type Quirks uint64

// QuirkSet returns the set of the given quirks.
func QuirkSet(list ...Quirk) Quirks { return Quirks(0).With(list...) }

// Has reports whether q is in the set.
func (s Quirks) Has(q Quirk) bool { return s&(1<<q) != 0 }

// With returns the set with more quirks in it.
func (s Quirks) With(list ...Quirk) Quirks {
	for _, q := range list {
		s |= 1 << q
	}
	return s
}

// Without returns the set with fewer quirks in it.
func (s Quirks) Without(list ...Quirk) Quirks { return s &^ QuirkSet(list...) }

// List returns the quirks of the set, in the order of their declaration.
func (s Quirks) List() []Quirk {
	var list []Quirk
	for ; s != 0; s &= s - 1 {
		list = append(list, Quirk(bits.TrailingZeros64(uint64(s)))) //nolint:gosec // at most 63
	}
	return list
}

// has reports whether the MTA that is played has a quirk.
func (c *Conn) has(q Quirk) bool { return c.cfg.Quirks.Has(q) }
