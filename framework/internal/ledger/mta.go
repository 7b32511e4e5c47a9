package ledger

// MTA is the MTA that a script is written for. The MTAs change and delete
// fields in the same way if the script goes from the last field to the first.
// They differ in where a new field goes.
type MTA uint8

const (
	// Postfix counts its own Received field when it inserts a field, and no
	// other field that it does not show.
	Postfix MTA = iota
	// Sendmail keeps more fields below its own Received field, which it
	// sends if the message has none of the same name. It counts them too. A
	// field that it appends replaces one of these if the name is the same,
	// or goes above the first field of that name.
	Sendmail
)

// stored is the number of such fields in Sendmail's usual configuration.
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
