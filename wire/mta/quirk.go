package mta

import "math/bits"

// Quirk is one way in which an MTA differs from others, or from the behavior
// that the documentation of libmilter lets a filter expect. A [Config] has the
// quirks of its Flavor and any further ones. With the flavor [Plain], each
// quirk can be tested alone. [Quirk.About] describes a quirk, which MTAs have
// it and what the evidence is.
type Quirk uint8

// The quirks. Statements about Postfix and Sendmail refer to Postfix 3.7 and
// Sendmail 8.17 unless noted otherwise.
const (
	// AbortAfterEnd: SMFIC_ABORT follows every message, even one that was
	// accepted at its end. Another SMFIC_ABORT precedes SMFIC_QUIT.
	AbortAfterEnd Quirk = iota
	// NoAbortAfterVerdict: no SMFIC_ABORT follows a message that got a
	// final verdict before its end.
	NoAbortAfterVerdict
	// QuitInMessage: if the session ends in the middle of a message, no
	// SMFIC_ABORT precedes SMFIC_QUIT.
	QuitInMessage
	// CloseWithoutQuit: after a final verdict at CONNECT or HELO, the MTA
	// closes the connection without SMFIC_QUIT.
	CloseWithoutQuit
	// ReusedConnection: one connection carries several SMTP sessions in
	// turn, separated by SMFIC_QUIT_NC.
	ReusedConnection
	// HeloTwice: the client sends HELO a second time before the first
	// message.
	HeloTwice
	// HeloInMessage: before each message the client begins another one and
	// aborts it with a HELO. SMFIC_ABORT follows the HELO.
	HeloInMessage
	// DataAgain: another filter refuses the first DATA of each message, and
	// the client sends DATA again. The MTA does not inform this filter of
	// the refusal.
	DataAgain
	// SkipLeaves: after SMFIR_SKIP at a stage up to DATA, the filter
	// receives nothing more of the session. SMFIR_SKIP at a header field or
	// the end of the header skips the body.
	SkipLeaves
	// MacrosForWithheld: the MTA sends the macros of envelope events that
	// it does not send because the filter declined them.
	MacrosForWithheld
	// MacrosUnasked: a packet of macros, possibly empty, precedes every
	// event, even if the MTA has no list for it or the filter requested no
	// macros.
	MacrosUnasked
	// MacrosEveryField: macros precede every header field and every body
	// chunk.
	MacrosEveryField
	// EmptyMacros: the MTA sends packets of macros that contain no macro.
	EmptyMacros
	// OddMacros: the last macro of a packet has no value.
	OddMacros
	// StrayMacros: the MTA sends macros for a command that does not exist.
	StrayMacros
	// QueueIDLate: the macro i has no value before the MTA has accepted a
	// recipient.
	QueueIDLate
	// EmptyListDefault: a filter that requests an empty list of macros for
	// a stage gets the default macros.
	EmptyListDefault
	// EndListNeedsEOH: the MTA honors a list of macros for the end of the
	// message only if the filter also requested a list for the end of the
	// header.
	EndListNeedsEOH
	// NoBrackets: addresses have no angle brackets.
	NoBrackets
	// IPv6Prefix: an IPv6 address has the prefix "IPv6:".
	IPv6Prefix
	// UnknownFamily: the MTA does not know the client's address, and sends
	// neither address nor port.
	UnknownFamily
	// RejectedRcpt: in each message the MTA refuses one recipient before
	// the others, and sends it to a filter that negotiated SMFIP_RCPT_REJ.
	RejectedRcpt
	// LongFields: the MTA sends a header field of more than 64 KiB whole,
	// in a frame larger than libmilter accepts. Without this quirk, the MTA
	// cuts the field.
	LongFields
	// BodyInEnd: SMFIC_BODYEOB carries the last chunk of the body.
	BodyInEnd
	// DeleteMarks: later indexes still count a header field that was
	// deleted.
	DeleteMarks
	// AddAboveFirst: a field that is added goes above the first one of the
	// same name.
	AddAboveFirst
	// HiddenFieldsCount: the index of an insertion counts fields that the
	// MTA does not show.
	HiddenFieldsCount
	// ManyEditsLost: the MTA accepts a message whose header has more edits
	// than it can read back, and does not deliver it.
	ManyEditsLost
	// AddRcptTwice: a recipient that is added although the message already
	// has it gets the message twice.
	AddRcptTwice
	// ExtraOffer: the offer has more data after its three numbers.
	ExtraOffer
	// UnknownBits: the offer has bits that the protocol does not define.
	UnknownBits
	// OtherName: the macro v does not contain the name of the MTA, because
	// the administrator chose another one.
	OtherName
	// AcceptContinues: after SMFIR_ACCEPT before the end of the message, the
	// MTA continues with the same message.
	AcceptContinues
	// HeaderInBody: the chunks of the body begin with the header and the
	// empty line.
	HeaderInBody
	// Unnegotiated: SMFIC_DATA comes although the offer has no bit for it,
	// and SMFIC_EOH comes even if the filter declined it.
	Unnegotiated
	// RawFields: the value of a header field has no white space at its ends,
	// and CRLF between its lines. If it is not UTF-8, it is empty. The MTA
	// writes the value of an edit as it is.
	RawFields
	// NoArguments: SMFIC_MAIL and SMFIC_RCPT have no ESMTP arguments.
	NoArguments
	// FewMacros: the MTA sends few macros, and no queue ID.
	FewMacros
	// QuarantineField: a message that the filter quarantines is delivered, with
	// the reason in a field X-Quarantine.
	QuarantineField
	// RefusesForAll: if the filter refuses one recipient, the MTA refuses the
	// message.
	RefusesForAll
	// HeloAsHost: SMFIC_CONNECT has the name that the client says in HELO.
	HeloAsHost
	// FixedMacros: the MTA sends daemon_name, if_name and if_addr, without braces, at
	// CONNECT, and the queue ID at MAIL. It sends no other macros.
	FixedMacros
	// OnlySMTPUTF8: of the ESMTP arguments, SMFIC_MAIL has SMTPUTF8 alone, and
	// SMFIC_RCPT has none.
	OnlySMTPUTF8
	// NoData: SMFIC_DATA does not come, whatever the version.
	NoData
	// UnfoldedFields: the value of a header field comes in one line, without white
	// space at the ends of its lines, and the name with a capital at the beginning of
	// each word.
	UnfoldedFields
	// TopFields: a new header field goes above all others, and its value is written
	// as it is.
	TopFields
	// OwnReplies: the client sees the code of the filter's reply with the MTA's own
	// text. SMFIR_DISCARD refuses temporarily.
	OwnReplies
	// AbortBeforeQuit: SMFIC_ABORT comes between the end of the last message and
	// SMFIC_QUIT.
	AbortBeforeQuit
	// LowerDomains: the domains of envelope addresses come in lower case.
	LowerDomains

	numQuirks
)

// AllQuirks returns all quirks, in the order of their declaration.
func AllQuirks() []Quirk { return (Quirks(1)<<numQuirks - 1).List() }

// Quirks is a set of quirks.
type Quirks uint64

// QuirkSet returns the set of the given quirks.
func QuirkSet(list ...Quirk) Quirks { return Quirks(0).With(list...) }

// Has reports whether q is in the set.
func (s Quirks) Has(q Quirk) bool { return s&(1<<q) != 0 }

// With returns the union of the set and the given quirks.
func (s Quirks) With(list ...Quirk) Quirks {
	for _, q := range list {
		s |= 1 << q
	}
	return s
}

// Without returns the set without the given quirks.
func (s Quirks) Without(list ...Quirk) Quirks { return s &^ QuirkSet(list...) }

// List returns the quirks of the set, in the order of their declaration.
func (s Quirks) List() []Quirk {
	var list []Quirk
	for ; s != 0; s &= s - 1 {
		list = append(list, Quirk(bits.TrailingZeros64(uint64(s)))) //nolint:gosec // at most 63
	}
	return list
}

// has reports whether the connection's MTA has a quirk.
func (c *Conn) has(q Quirk) bool { return c.cfg.Quirks.Has(q) }
