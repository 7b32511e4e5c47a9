package headers

// Present holds if the message has a field with the name.
type Present struct {
	// Name may be a family of names, such as X-Spam-*.
	Name string
	// Which is the field that must be there: with 3 or -3, the message must have
	// at least three fields with the name.
	Which Which
}

// Absent holds if the message has no field with the name.
type Absent struct {
	// Name may be a family of names, such as X-Spam-*.
	Name string
}

// Matches holds if a field with the name has a value that matches. Templates
// see the groups of the topmost field that matches.
//
// In an action, Which counts the fields that match. Here it counts all fields with the
// name, so that it is the first or the last field of a message that must match.
type Matches struct {
	// Name may be a family of names, such as X-Spam-*.
	Name string
	// Match is a pattern.
	Match string
	// Decoded applies the pattern to the value with its encoded words
	// decoded, as tolerantly as message.Decode does it. Words after the
	// thousandth stay encoded.
	Decoded bool
	// Which is the field that must match. It defaults to [Every]: one of all.
	Which Which
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
	c.checkWhich(p.Which)
	return func(r *run) bool { return len(p.Which.of(r.indexes(id))) > 0 }
}

func (a Absent) compile(c *compiler) test {
	id := c.wantField("Name", a.Name)
	return func(r *run) bool { return len(r.indexes(id)) == 0 }
}

func (m Matches) compile(c *compiler) test {
	id, re, keep := c.wantField("Name", m.Name), c.requiredPattern("Match", m.Match), c.keep
	c.reviewFieldPattern("Match", m.Name, m.Match, m.Decoded)
	c.reviewAddressText(m.Name, m.Match)
	c.checkWhich(m.Which)
	return func(r *run) bool {
		for _, i := range m.Which.of(r.indexes(id)) {
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
