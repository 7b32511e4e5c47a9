package ledger

// MTA is the MTA that a script is written for. The MTAs change and delete
// fields in the same way if the script goes from the last field to the first.
// They differ in where a new field goes.
type MTA uint8

const (
	// Postfix counts its own Received field when it inserts a field, and no
	// other field that it does not show.
	Postfix MTA = iota
	// Sendmail stores default fields below its own Received field. It sends a
	// stored field only if the message has no field of that name. Indexes count
	// the stored fields too. An appended field replaces the stored field of the
	// same name. If there is none, it goes above the first field of that name.
	Sendmail
)

// stored is the number of fields that Sendmail stores in its usual
// configuration.
const stored = 7

// pastEnd is an index larger than any header. On every MTA, an insertion at
// pastEnd appends the field (smfi_insheader).
const pastEnd = 1 << 20

// hidden returns the number of fields that the MTA counts and does not show
// above a position, given the number of shown fields above it. On Sendmail, a
// field at the top of the message can go above or below the stored fields, with
// the same result.
func (m MTA) hidden(shown int) int {
	const received = 1
	if m == Sendmail && shown > 0 {
		return received + stored
	}
	return received
}
