package ledger

// MTA is what a script is written for. The MTAs agree on how fields are
// changed, if the script is careful, but not on where new ones go.
type MTA uint8

const (
	// Postfix counts its own Received when a field is inserted, and
	// nothing else that it does not show.
	Postfix MTA = iota
	// Sendmail keeps more fields below its own Received, to be sent when a
	// message has none such, and counts them too. What it is told to append
	// it puts in the place of one of these, or above the first field of
	// that name.
	Sendmail
)

// The fields that Sendmail's usual configuration keeps for messages without.
const stored = 7

// pastEnd is an index that no header has a field at. What is inserted there is
// at the end, on every MTA (smfi_insheader).
const pastEnd = 1 << 20

// hidden returns how many fields the MTA counts, and does not show, above a
// place that has the given number of shown fields over it. In Sendmail the top
// of the message is on either side of what is stored, which makes no difference.
func (m MTA) hidden(shown int) int {
	const received = 1
	if m == Sendmail && shown > 0 {
		return received + stored
	}
	return received
}
