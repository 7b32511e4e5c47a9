package headers

import "github.com/sluicemail/sluice/framework/message"

// Malformed holds if a field with one of the names does not conform to the grammar of
// RFC 5322, current and obsolete, as [message.CheckField] judges it. UTF-8 is allowed
// (RFC 6532):
//
//   - From contains addresses. A group, which RFC 6854 allows there, does not conform.
//   - Reply-To, To and Cc contain addresses and groups.
//   - Bcc contains addresses and groups or is empty.
//   - Sender contains one address.
//   - Date contains a date.
//   - Message-ID contains one message identifier.
//   - In-Reply-To and References contain message identifiers and phrases.
//   - The Resent- fields contain the same as the fields that they are named after.
//   - No field contains NUL, or a CR or LF that does not fold the line.
//
// Much legitimate mail does not conform: with display names that need quotes, bytes in
// an old charset, no address in a From that a machine wrote. Use the condition to mark or
// to score. To refuse, add a condition that excepts the null sender: its mail is bounces,
// which tell users that their own mail did not arrive.
type Malformed struct {
	// Names are the names of the fields. If empty, Malformed checks the
	// fields that RFC 5322 allows once, as [Duplicated] does. A field that
	// is absent is not malformed.
	Names []string
}

func (m Malformed) compile(c *compiler) test {
	names := m.Names
	ids := c.wantFields(names)
	c.reviewMalformed(names)
	if len(names) == 0 {
		names = singleFields()
	}
	return func(r *run) bool {
		for n, id := range ids {
			for _, i := range r.indexes(id) {
				if !conforms(names[n], r.fields[i].value) {
					return true
				}
			}
		}
		return false
	}
}

// conforms reports whether a value conforms to the grammar of its field.
func conforms(name, value string) bool { return message.CheckField(name, value) == nil }
