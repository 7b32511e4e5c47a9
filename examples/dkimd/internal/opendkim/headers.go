package opendkim

import (
	"slices"
	"strings"
)

// signedByDefault are the fields that OpenDKIM signs by default: those that RFC
// 6376 section 5.4.1 recommends.
func signedByDefault() []string {
	return []string{
		"From", "Reply-To", "Subject", "Date", "To", "Cc", "Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
		"In-Reply-To", "References", "List-ID", "List-Help", "List-Unsubscribe", "List-Subscribe", "List-Post", "List-Owner", "List-Archive",
	}
}

// neverSigned are the fields that dkimd refuses to sign, in lower case.
func neverSigned() []string {
	return []string{"return-path", "received", "comments", "keywords", "bcc", "resent-bcc", "dkim-signature", "authentication-results"}
}

// headers writes the fields that are signed.
func (c *conversion) headers() {
	names := c.names("SignHeaders", signedByDefault())
	omitted := c.names("OmitHeaders", nil)
	if contains(omitted, "From") {
		c.changes(c.set["OmitHeaders"], "OpenDKIM signs no mail without From; dkimd always signs From")
	}
	kept := slices.DeleteFunc(names, func(name string) bool {
		return contains(omitted, name) && !strings.EqualFold(name, "From") || contains(neverSigned(), name)
	})
	c.line(1, "headers: "+list(kept), c.set["SignHeaders"], c.set["OmitHeaders"])
	over := slices.DeleteFunc(c.oversigned(kept), func(name string) bool { return contains(neverSigned(), name) })
	c.line(1, "oversign: "+list(over), c.set["OversignHeaders"])
	for _, option := range []string{"SignHeaders", "OversignHeaders"} {
		entries, _ := c.entries(option)
		for i := range entries {
			if name := strings.TrimPrefix(entries[i].Key, "+"); contains(neverSigned(), name) {
				c.noteEntry(c.set[option], &entries[i], Differs, "%s changes in transit and is not signed", name)
			}
		}
	}
}

// oversigned returns the names of OversignHeaders, in which signs and asterisks
// mean nothing.
func (c *conversion) oversigned(signed []string) []string {
	s := c.set["OversignHeaders"]
	entries, _ := c.entries("OversignHeaders")
	var names []string
	for i := range entries {
		e := &entries[i]
		switch {
		case strings.HasPrefix(e.Key, "+") || strings.HasPrefix(e.Key, "-") || strings.Contains(e.Key, "*") || e.Key == ".":
			c.noteEntry(s, e, Explained, "%q is the name of no field, and is left out", e.Key)
		case contains(names, e.Key):
		default:
			names = append(names, e.Key)
			if !contains(signed, e.Key) && !strings.EqualFold(e.Key, "From") && !contains(neverSigned(), e.Key) {
				c.changesEntry(s, e, "dkimd also signs %s; OpenDKIM only lists it in h=, because SignHeaders does not name it", e.Key)
			}
		}
	}
	return names
}

// contains reports whether names have a name. Names of fields have no case.
func contains(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// names returns the names in a data set of field names. With an entry "*" it
// stands for the default, from which "-NAME" removes a name and to which "+NAME"
// adds one; OpenDKIM ignores other names then. Without the asterisk, a name has no
// sign.
func (c *conversion) names(option string, byDefault []string) []string {
	s := c.set[option]
	if s == nil {
		return byDefault
	}
	entries, _ := c.entries(option)
	all := keys(entries)
	var names []string
	relative := slices.Contains(all, "*")
	if relative {
		names = slices.DeleteFunc(byDefault, func(name string) bool { return contains(all, "-"+name) })
	}
	for i := range entries {
		e := &entries[i]
		name, added := strings.CutPrefix(e.Key, "+")
		switch {
		case e.Key == "*" || e.Key == "." || strings.HasPrefix(e.Key, "-"):
		case added && !relative:
			c.fail(s, "OpenDKIM does not start with %q, unless the list has an asterisk (*)", e.Key)
		case relative && !added:
			c.noteEntry(s, e, Explained, "OpenDKIM ignores %q beside an asterisk, and it is left out; to add it, write +%s", e.Key, e.Key)
		case strings.Contains(name, "*"):
			c.changesEntry(s, e, "dkimd has no patterns for the names of fields; %q is left out", e.Key)
		case !contains(names, name):
			names = append(names, name)
		}
	}
	return names
}
