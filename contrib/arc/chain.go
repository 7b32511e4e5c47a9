package arc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/internal/signed"
	"github.com/sluicemail/sluice/contrib/internal/tags"
)

// The names of the fields of a set (RFC 8617 section 4.1).
const (
	resultsField   = "ARC-Authentication-Results"
	signatureField = "ARC-Message-Signature"
	sealField      = "ARC-Seal"
)

// role is the role of a field in its set.
type role int

const (
	results role = iota
	messageSignature
	seal
	roles // their number
)

// String returns the name of the field.
func (r role) String() string { return [roles]string{resultsField, signatureField, sealField}[r] }

// roleOf returns the role of a field, or false if it belongs to no set.
func roleOf(f signed.Field) (role, bool) {
	for r := range roles {
		if f.Is(r.String()) {
			return r, true
		}
	}
	return 0, false
}

const (
	// MaxInstances is the number of sets that a chain can have (RFC 8617 section 4.2.1).
	MaxInstances = 50
	// maxField limits the length of a field of a set, in bytes.
	maxField = 64 << 10
)

// set is the fields of an instance.
type set struct {
	at      [roles]int // the indexes of the fields in the header, or signed.NoField
	lists   [roles]tags.List
	payload string // of the ARC-Authentication-Results
	seal    *signature
}

// chain is the sets of a message.
type chain struct {
	fields  []signed.Field // the whole header
	sets    []set          // by instance, from 1
	highest int            // instance
	exists  bool           // there is at least one field of a set
	problem string         // why the chain fails, whatever the signatures are, or ""
	broken  bool           // the structure is not valid
	// failed means that the newest seal says that the chain had failed before.
	failed bool
}

// readChain finds the sets of a message, and checks their structure (RFC 8617 section 5.2
// steps 1 to 3). The time is proportional to the size of the header.
func readChain(fields []signed.Field) *chain {
	c := &chain{fields: fields}
	n := 0
	for i := range fields {
		r, ok := roleOf(fields[i])
		if !ok {
			continue
		}
		if n++; n > MaxInstances*int(roles) {
			c.fail("the message has more than %d fields of sets", MaxInstances*int(roles))
			c.highest = MaxInstances // it is not sealed
			break
		}
		if err := c.add(r, i); err != nil {
			c.fail("%s", err)
		}
	}
	c.exists = n > 0
	c.check()
	return c
}

// fail keeps the first problem.
func (c *chain) fail(format string, args ...any) {
	if c.problem == "" {
		c.problem = fmt.Sprintf(format, args...)
	}
}

// add adds a field to the set of its instance. After a problem, it only looks for the highest
// instance.
func (c *chain) add(r role, at int) error {
	raw := c.fields[at].Raw
	if len(raw) > maxField {
		return fmt.Errorf("an %s is longer than %d KiB", r, maxField>>10)
	}
	var list tags.List
	var payload string
	var instance int
	var err error
	if r == results {
		instance, payload = splitResults(raw)
	} else if list, err = tags.Parse(raw); err == nil {
		instance = parseInstance(list.Get("i"))
	}
	switch {
	case err != nil:
		return fmt.Errorf("an %s is malformed", r)
	case instance == 0:
		return fmt.Errorf("an %s has no valid instance (i=)", r)
	}
	c.highest = max(c.highest, instance)
	for len(c.sets) < instance {
		c.sets = append(c.sets, set{at: [roles]int{signed.NoField, signed.NoField, signed.NoField}})
	}
	s := &c.sets[instance-1]
	if s.at[r] != signed.NoField {
		return fmt.Errorf("instance %d has two %s fields", instance, r)
	}
	s.at[r], s.lists[r] = at, list
	if r == results {
		s.payload = payload
	}
	return nil
}

// parseInstance parses an instance. It returns 0 if it is not valid.
func parseInstance(text string) int {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || len(text) > 2 || n > MaxInstances {
		return 0
	}
	return int(n)
}

// check checks that each instance has the three fields, that the seals are well-formed, and
// what they say about the chain before them.
func (c *chain) check() {
	if c.exists && c.highest == 0 {
		c.fail("no field has an instance")
	}
	for i := range c.sets {
		s := &c.sets[i]
		for r := range roles {
			if s.at[r] == signed.NoField {
				c.fail("instance %d has no %s field", i+1, r)
			}
		}
		if s.at[seal] == signed.NoField {
			continue
		}
		var err error
		if s.seal, err = parseSeal(c.fields[s.at[seal]].Raw, s.lists[seal]); err != nil {
			c.fail("the %s of instance %d %s", sealField, i+1, err)
		}
	}
	if n := len(c.sets); n > 0 && c.sets[n-1].seal != nil {
		c.failed = c.sets[n-1].seal.chain == Fail
	}
	c.broken = c.problem != ""
	c.checkStates()
}

// checkStates checks what the seals say: the first one that there was no chain, and the others
// that it was valid.
func (c *chain) checkStates() {
	if c.failed {
		c.fail("the %s of instance %d says that the chain had failed (cv=fail)", sealField, c.highest)
	}
	for i := range c.sets {
		want := Pass
		if i == 0 {
			want = None
		}
		if s := c.sets[i].seal; s != nil && s.chain != want {
			c.fail("the %s of instance %d says cv=%s", sealField, i+1, s.chain)
		}
	}
}

// field returns a field of an instance.
func (c *chain) field(instance int, r role) signed.Field {
	return c.fields[c.sets[instance-1].at[r]]
}

// messageSignature parses the ARC-Message-Signature of an instance.
func (c *chain) messageSignature(instance int) (*signature, error) {
	return parseMessageSignature(c.field(instance, messageSignature).Raw, c.sets[instance-1].lists[messageSignature])
}

// describe returns the sets for a Result, or nil if the structure is not valid.
func (c *chain) describe() []Set {
	if c.broken {
		return nil
	}
	sets := make([]Set, len(c.sets))
	for i := range c.sets {
		s := &c.sets[i]
		signer, _ := c.messageSignature(i + 1)
		sets[i] = Set{
			Instance: i + 1, Domain: s.seal.domain, Selector: s.seal.selector, Signer: signer.domain,
			Chain: s.seal.chain, Time: s.seal.time,
		}
		sets[i].Results, sets[i].ResultsError = authres.Parse(s.payload)
	}
	return sets
}

// splitResults splits the value of an ARC-Authentication-Results field into the instance,
// which must be first, and the rest, which is like an Authentication-Results field (RFC 8617
// section 4.1.1). The instance is 0 if it is not valid.
func splitResults(raw string) (instance int, payload string) {
	text, ok := skipComments(raw)
	rest, isInstance := strings.CutPrefix(text, "i")
	if rest, ok2 := skipComments(rest); ok && isInstance && ok2 && strings.HasPrefix(rest, "=") {
		text, ok = skipComments(rest[1:])
		digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
		text, ok2 = skipComments(text[len(digits):])
		if ok && ok2 && strings.HasPrefix(text, ";") {
			return parseInstance(digits), text[1:]
		}
	}
	return 0, ""
}

// skipComments skips white space and comments. It returns false if a comment does not end.
func skipComments(text string) (string, bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && depth > 0:
			i++
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && strings.IndexByte(" \t\r\n", c) < 0:
			return text[i:], true
		}
	}
	return "", depth == 0
}
