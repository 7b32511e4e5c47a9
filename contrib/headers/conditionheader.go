package headers

// Present holds when the message has a field of the name.
type Present struct{ Name string }

// Absent holds when the message has no field of the name.
type Absent struct{ Name string }

// Matches holds when a field of the name has a value that matches. The topmost
// that does is the one whose groups templates see.
type Matches struct {
	Name string
	// Match is a pattern.
	Match string
	// Decoded has it see the value with its encoded words decoded, as
	// middleware.DecodeHeaderValue does: those of an unknown charset, and
	// those behind the thousandth, stay as they are.
	Decoded bool
}

// Duplicated holds when the message has more than one field of one of the
// names.
type Duplicated struct {
	// Names are those of fields; none stand for the fields that RFC 5322
	// allows once: Date, From, Sender, Reply-To, To, Cc, Bcc, Message-ID,
	// In-Reply-To, References and Subject.
	Names []string
}

func (p Present) compile(c *compiler) test {
	id := c.seen("Name", p.Name)
	return func(r *run) bool { return len(r.of(id)) > 0 }
}

func (a Absent) compile(c *compiler) test {
	id := c.seen("Name", a.Name)
	return func(r *run) bool { return len(r.of(id)) == 0 }
}

func (m Matches) compile(c *compiler) test {
	id, re, keep := c.seen("Name", m.Name), c.needed("Match", m.Match), c.keep
	return func(r *run) bool {
		for _, i := range r.of(id) {
			if r.matches(re, r.text(i, m.Decoded), keep) {
				return true
			}
		}
		return false
	}
}

func (d Duplicated) compile(c *compiler) test {
	ids := c.seenAll(d.Names)
	return func(r *run) bool {
		for _, id := range ids {
			if len(r.of(id)) > 1 {
				return true
			}
		}
		return false
	}
}

// singles are the fields that RFC 5322 section 3.6 allows once.
func singles() []string {
	return []string{
		"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc",
		"Message-ID", "In-Reply-To", "References", "Subject",
	}
}
