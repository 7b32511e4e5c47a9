package headers

// Present holds if the message has a field with the name.
type Present struct{ Name string }

// Absent holds if the message has no field with the name.
type Absent struct{ Name string }

// Matches holds if a field with the name has a value that matches. Templates
// see the groups of the topmost field that matches.
type Matches struct {
	Name string
	// Match is a pattern.
	Match string
	// Decoded applies the pattern to the value with its encoded words
	// decoded, as middleware.DecodeHeaderValue decodes them. Words in an
	// unknown charset and words after the thousandth stay encoded.
	Decoded bool
}

// Duplicated holds if the message has more than one field with the same name,
// for one of the names.
type Duplicated struct {
	// Names are the names of the fields. If empty, Duplicated checks the
	// fields that RFC 5322 allows once: Date, From, Sender, Reply-To, To,
	// Cc, Bcc, Message-ID, In-Reply-To, References and Subject.
	Names []string
}

func (p Present) compile(c *compiler) test {
	id := c.wantField("Name", p.Name)
	return func(r *run) bool { return len(r.indexes(id)) > 0 }
}

func (a Absent) compile(c *compiler) test {
	id := c.wantField("Name", a.Name)
	return func(r *run) bool { return len(r.indexes(id)) == 0 }
}

func (m Matches) compile(c *compiler) test {
	id, re, keep := c.wantField("Name", m.Name), c.requiredPattern("Match", m.Match), c.keep
	return func(r *run) bool {
		for _, i := range r.indexes(id) {
			if r.matches(re, r.text(i, m.Decoded), keep) {
				return true
			}
		}
		return false
	}
}

func (d Duplicated) compile(c *compiler) test {
	ids := c.wantFields(d.Names)
	return func(r *run) bool {
		for _, id := range ids {
			if len(r.indexes(id)) > 1 {
				return true
			}
		}
		return false
	}
}

// singleFields returns the fields that RFC 5322 section 3.6 allows once.
func singleFields() []string {
	return []string{
		"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc",
		"Message-ID", "In-Reply-To", "References", "Subject",
	}
}
