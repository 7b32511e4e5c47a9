package opendkim

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim/tables"
)

// tables writes KeyTable and SigningTable.
func (c *conversion) tables() {
	keyTable, signingTable := c.set["KeyTable"], c.set["SigningTable"]
	if signingTable == nil {
		c.fail(keyTable, "SigningTable is missing; scripts that choose the key are not supported")
		return
	}
	c.heading(0, "signing")
	c.heading(1, "opendkim")
	keyEntries, _ := c.entries("KeyTable")
	signEntries, wildcards := c.entries("SigningTable")
	c.line(2, "key_table: "+scalar(c.keyTable(keyEntries)), keyTable)
	c.line(2, "signing_table: "+scalar(c.table(signingTable.Value)), signingTable)
	c.namedKeys(signEntries)
	c.severalKeys(signEntries, wildcards)
	if thirdParty(keyEntries, signEntries) {
		c.line(2, "third_party: true  # a key signs for another domain")
	}
	for i := range keyEntries {
		e := &keyEntries[i]
		path := e.File // of a key in the table itself
		if file, ok := keyPath(e); ok {
			path = c.file(file)
		}
		if c.readable(path) {
			c.line(2, "allow_readable: true", c.set["RequireSafeKeys"])
			return
		}
	}
}

// keyPath returns the path of the key that an entry of a KeyTable names, and
// whether it names one: the entry can also contain the key.
func keyPath(e *tables.Entry) (path string, ok bool) {
	parts := strings.SplitN(e.Value, ":", 3)
	if len(parts) < 3 {
		return "", false
	}
	path = parts[2]
	return path, strings.HasPrefix(path, "/") || strings.HasPrefix(path, "./") || strings.HasPrefix(path, "../")
}

// keyTable returns the name of the KeyTable for dkimd. dkimd reads relative paths
// from its own working directory, so a table with such paths becomes a list with
// full ones.
func (c *conversion) keyTable(entries []tables.Entry) string {
	s := c.set["KeyTable"]
	relative := func(e tables.Entry) bool {
		path, ok := keyPath(&e)
		return ok && !filepath.IsAbs(path)
	}
	if !slices.ContainsFunc(entries, relative) {
		return c.table(s.Value)
	}
	var elements []string
	for i := range entries {
		e := &entries[i]
		path, ok := keyPath(e)
		if !ok {
			c.fail(s, "%s: an entry with a key in it, beside entries with relative paths; write the paths in full", s.whereEntry(e))
			continue
		}
		value := strings.TrimSuffix(e.Value, path) + c.file(path)
		if strings.Contains(e.Key+value, ",") || strings.Contains(e.Key, "=") {
			c.fail(s, "%s: a comma or an equals sign, beside relative paths; write the paths in full", s.whereEntry(e))
		}
		elements = append(elements, e.Key+"="+value)
	}
	if isFile(s.Value) {
		c.note(s, Explained, "paths in it are relative, so its entries are written as a list; dkimd does not read the file")
	}
	return "csl:" + strings.Join(elements, ",")
}

// namedKeys adds a note about entries of a SigningTable with "%", the key that is
// named after the author's domain, if no such key may exist.
func (c *conversion) namedKeys(entries []tables.Entry) {
	for i := range entries {
		e := &entries[i]
		name, _, _ := strings.Cut(e.Value, ":")
		host := e.Key[strings.LastIndexByte(e.Key, '@')+1:]
		if name == "%" && (strings.Contains(host, "*") || strings.HasPrefix(host, ".")) {
			c.changesEntry(c.set["SigningTable"], e, "OpenDKIM defers the mail of a domain that has no key of its name; dkimd goes on with the next entry, and signs nothing if there is none")
		}
	}
}

// severalKeys adds a note about MultipleSignatures if three entries may match an
// author: OpenDKIM then signs with the first and the last of them.
func (c *conversion) severalKeys(entries []tables.Entry, wildcards bool) {
	s := c.set["MultipleSignatures"]
	if !c.yes("MultipleSignatures") {
		return
	}
	seen := make(map[string]bool)
	var patterns []string
	for i := range entries {
		pattern := authorPattern(strings.ToLower(entries[i].Key), wildcards)
		if wildcards || !seen[pattern] { // of equal keys, OpenDKIM finds the first
			patterns = append(patterns, pattern)
		}
		seen[pattern] = true
	}
	if threeMeet(patterns) {
		c.changes(s, "of three or more entries that match an author, OpenDKIM signs with the keys of the first and of the last; dkimd signs with all")
	}
}

// authorPattern returns the pattern of the addresses that a key of a SigningTable
// matches.
func authorPattern(key string, wildcards bool) string {
	local, host, found := strings.Cut(key, "@")
	switch {
	case wildcards || key == "*":
		return key
	case !found:
		local, host = "*", key
	}
	if strings.HasPrefix(host, ".") {
		host = "*" + host
	}
	return local + "@" + host
}

// thirdParty reports whether a key signs for authors outside of its domain.
func thirdParty(keyEntries, signEntries []tables.Entry) bool {
	domains := make(map[string]string)
	for i := range keyEntries {
		domain, _, _ := strings.Cut(keyEntries[i].Value, ":")
		domains[keyEntries[i].Key] = strings.ToLower(domain)
	}
	for i := range signEntries {
		name, _, _ := strings.Cut(signEntries[i].Value, ":")
		d, ok := domains[name]
		pattern := strings.ToLower(signEntries[i].Key)
		author := pattern[strings.LastIndexByte(pattern, '@')+1:]
		if ok && d != "%" && author != d && !strings.HasSuffix(author, "."+d) {
			return true
		}
	}
	return false
}
