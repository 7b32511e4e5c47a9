package opendkim

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
)

// domains writes the keys and the rules. With a KeyTable, OpenDKIM ignores
// Domain, KeyFile and Selector.
func (c *conversion) domains() {
	if c.set["KeyTable"] != nil {
		for _, name := range []string{"Domain", "KeyFile", "Selector", "SubDomains"} {
			if s := c.set[name]; s != nil {
				c.note(s, NotNeeded, "OpenDKIM ignores it if there is a KeyTable")
			}
		}
		c.tables()
		return
	}
	domain, file, selector := c.set["Domain"], c.set["KeyFile"], c.set["Selector"]
	if file == nil || selector == nil {
		c.fail(domain, "OpenDKIM needs KeyFile and Selector with it")
		return
	}
	names, wildcards := c.domainNames()
	// The nearest domain signs for an author, and names without a wildcard
	// come first, as in OpenDKIM.
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(strings.Count(a, "*")-strings.Count(b, "*"), strings.Count(b, ".")-strings.Count(a, "."))
	})
	c.keys(names)
	c.rules(names, wildcards)
}

// domainNames returns the names of Domain, each once, without those that match no
// author in OpenDKIM: it looks up whole domains, and reads an asterisk beside
// other text in a refile: table only.
func (c *conversion) domainNames() (names []string, wildcards bool) {
	s := c.set["Domain"]
	entries, wildcards := c.entries("Domain")
	for i := range entries {
		e := &entries[i]
		name := strings.ToLower(e.Key)
		switch {
		case strings.HasPrefix(name, "."):
			c.noteEntry(s, e, Explained, "%q matches no author in OpenDKIM, and is left out; SubDomains is for subdomains", e.Key)
		case strings.Contains(name, "*") && name != "*" && !wildcards:
			c.noteEntry(s, e, Explained, "%q matches no author in OpenDKIM, which reads the asterisk in a refile: table only, and is left out", e.Key)
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	return names, wildcards
}

// keys writes KeyFile as a key for each of the names of Domain.
func (c *conversion) keys(names []string) {
	domain, file, selector := c.set["Domain"], c.set["KeyFile"], c.set["Selector"]
	c.heading(0, "keys")
	path := c.file(file.Value)
	for _, name := range names {
		text := "- {name: " + scalar(name) + ", domain: " + scalar(signingDomain(name)) + ", selector: " + scalar(selector.Value) + ", file: " + scalar(path)
		if c.readable(path) {
			text += ", allow_readable: true"
		}
		c.line(1, text+"}", domain, selector, file)
	}
}

// rules writes a rule for each of the names of Domain. A name "*" in the list
// comes before subdomains in OpenDKIM, and signs for them.
func (c *conversion) rules(names []string, wildcards bool) {
	from := []*Setting{c.set["Domain"]}
	below := c.yes("SubDomains") && !slices.Contains(names, "*")
	if below {
		from = append(from, c.set["SubDomains"])
	}
	c.heading(0, "signing")
	c.heading(1, "rules")
	for _, name := range names {
		senders := []string{name}
		switch {
		case name == "*":
		case strings.Contains(name, "*") && wildcards:
			senders = []string{"*@" + name}
		case below:
			senders = append(senders, "."+name)
		}
		c.line(2, "- {senders: "+list(senders)+", keys: "+list([]string{name})+"}", from...)
	}
}

// signingDomain returns the domain that signs for the authors that an entry of
// Domain matches: a name with a wildcard stands for the author's domain.
func signingDomain(name string) string {
	if strings.Contains(name, "*") {
		return "%"
	}
	return name
}

// readable reports whether dkimd is to accept a key file although others can
// read it: if OpenDKIM does not require safe keys, or accepts the file because
// only its group can read it.
func (c *conversion) readable(path string) bool {
	if s := c.set["RequireSafeKeys"]; s != nil && !s.yes() {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0 && info.Mode().Perm()&0o007 == 0
}

// signing writes how messages are signed.
func (c *conversion) signing() {
	c.back(1) // domains has begun the mapping
	if c.set["MultipleSignatures"] != nil {
		c.line(1, "all_rules: "+strconv.FormatBool(c.yes("MultipleSignatures")), c.set["MultipleSignatures"])
	}
	c.recipients()
	c.headers()
	canonical := cmp.Or(strings.ToLower(c.value("Canonicalization")), "simple/simple")
	c.line(1, "canonicalization: "+canonical, c.set["Canonicalization"])
	if s := c.set["SignatureTTL"]; s != nil && s.number() > 0 {
		c.line(1, "lifetime: "+strconv.Itoa(s.number())+"s", s)
	}
	if s := c.set["SignatureAlgorithm"]; s != nil && strings.EqualFold(s.Value, "rsa-sha1") {
		c.note(s, Explained, "receivers must not accept SHA-1 (RFC 8301); dkimd signs with SHA-256")
	}
}
