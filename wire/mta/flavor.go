package mta

// Flavor says which MTA is played where MTAs differ.
type Flavor int

// The flavors.
const (
	// Postfix sends the macros of events that are not sent themselves,
	// repeats macros before every header field and body chunk, and ends
	// every message with SMFIC_ABORT. A header field that it deleted no
	// longer counts.
	Postfix Flavor = iota
	// Sendmail sends macros for the events that it sends, but none before
	// header fields and body chunks. A header field that it deleted still
	// counts, and one that it adds stands above the first of its name.
	Sendmail
)

// String returns the MTA's name.
func (f Flavor) String() string {
	if f == Sendmail {
		return "Sendmail"
	}
	return "Postfix"
}
