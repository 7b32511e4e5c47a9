package headers

import (
	"fmt"
	"strings"
)

// familyOf returns the beginning of the names in a family, with its hyphen, if a name
// in the configuration is a family, such as X-Spam-*.
func familyOf(name string) (prefix string, ok bool) {
	prefix, ok = strings.CutSuffix(name, "*")
	return prefix, ok && len(prefix) > 1 && strings.HasSuffix(prefix, "-")
}

// wildcardError returns the error for a name with a * or a ? that is no family, or stands
// where a family has no meaning.
func wildcardError(name string) error {
	if prefix, ok := familyOf(name); ok {
		return fmt.Errorf("%q: one field name is needed here, not all names that begin with %s", name, prefix)
	}
	return fmt.Errorf(`%q: a * may only stand at the end of a name, after a hyphen, as in X-Spam-* for all fields whose name begins with X-Spam-; a ? stands for nothing`, name)
}

// families are the families of names that the rules use.
type families struct{ prefixes []string } // in lower case

// intern returns the number of a family. It assigns one if the family is new.
func (f *families) intern(prefix string) nameID {
	prefix = lower(prefix)
	for i, known := range f.prefixes {
		if known == prefix {
			return familyID(i)
		}
	}
	f.prefixes = append(f.prefixes, prefix)
	return familyID(len(f.prefixes) - 1)
}

// familyID returns the number of the family at an index.
func familyID(i int) nameID { return nameID(-i - 1) }

// members are the indexes of the fields of a family, as they were at a version of the
// header.
type members struct {
	list    []int
	version int
}

// ofFamily returns the indexes of the fields of a family that are not deleted, top to
// bottom. It reads the whole header once for each version of it.
func (h *header) ofFamily(id nameID) []int {
	at := int(-id - 1)
	m, prefix := &h.inFamily[at], h.families.prefixes[at]
	from := m.list
	if m.version != h.version {
		from = h.order
	}
	stale, list := m.version != h.version, m.list[:0]
	for _, i := range from {
		if f := &h.fields[i]; !f.deleted && (!stale || hasPrefixFold(f.name, prefix)) {
			list = append(list, i)
		}
	}
	m.list, m.version = list, h.version
	return list
}

// resetFamilies forgets the members of all families. It keeps the memory of lists of up
// to the usual length.
func (h *header) resetFamilies(usual int) {
	for i := range h.inFamily {
		m := &h.inFamily[i]
		m.list, m.version = m.list[:0], 0
		if cap(m.list) > usual {
			m.list = nil
		}
	}
	h.version = 0
}

// hasPrefixFold reports whether a name begins with a prefix, which is in lower case. Names
// are compared as ASCII: see [lower].
func hasPrefixFold(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// covers reports whether a name or a family of a configuration contains each field that
// another name or family contains.
func covers(name, other string) bool {
	prefix, ok := familyOf(name)
	if !ok {
		return lower(name) == lower(other)
	}
	otherPrefix, family := familyOf(other)
	if family {
		other = otherPrefix
	}
	return hasPrefixFold(other, lower(prefix))
}
