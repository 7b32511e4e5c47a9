package tables

import (
	"cmp"
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// ReadSigning reads a KeyTable and the SigningTable that refers to it, and
// returns equivalent rules. The first rule that matches applies, as in OpenDKIM
// without MultipleSignatures. [dkim.Signing.AllRules] corresponds to that
// option. The options apply to the key files.
//
// If thirdParty is set, a key may sign for domains other than its own, as in
// OpenDKIM.
func ReadSigning(keyTable, signingTable string, thirdParty bool, opts ...dkim.KeyOption) ([]dkim.Rule, error) {
	keySource, err := parseSource(keyTable)
	if err != nil {
		return nil, err
	}
	signSource, err := parseSource(signingTable)
	if err != nil {
		return nil, err
	}
	keyEntries, err := keySource.read()
	if err != nil {
		return nil, err
	}
	signEntries, err := signSource.read()
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(keySource.path, keyEntries, opts)
	if err != nil {
		return nil, err
	}
	return readRules(signSource, signEntries, keys, thirdParty)
}

// readKeys converts the entries of the key table: NAME DOMAIN:SELECTOR:KEY.
func readKeys(file string, entries []entry, opts []dkim.KeyOption) (map[string]dkim.Key, error) {
	keys := make(map[string]dkim.Key, len(entries))
	var errs []error
	for i := range entries {
		e := &entries[i]
		if _, there := keys[e.key]; there {
			errs = append(errs, e.fail(file, e.keyAt, "duplicate key %q", e.key))
			continue
		}
		parts := strings.SplitN(e.value, ":", 3)
		if len(parts) < 3 || parts[2] == "" {
			errs = append(errs, e.fail(file, e.valueAt, "want DOMAIN:SELECTOR:KEY"))
			continue
		}
		signer, err := readKey(file, parts[2], opts)
		if err != nil {
			errs = append(errs, e.fail(file, e.valueAt+len(parts[0])+len(parts[1])+2, "%w", err))
		}
		keys[e.key] = dkim.Key{Domain: parts[0], Selector: parts[1], Signer: signer}
	}
	return keys, errors.Join(errs...)
}

// readKey reads a private key from a file or from the table itself.
func readKey(table, text string, opts []dkim.KeyOption) (crypto.Signer, error) {
	if !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "./") && !strings.HasPrefix(text, "../") {
		return keyIn(table, text, opts)
	}
	if strings.Contains(text, "%") {
		return nil, errors.New("a path with % is not supported; list each key separately")
	}
	return dkim.LoadKey(text, opts...)
}

// keyIn parses a private key that a table contains. The file of the table must
// then have the permissions of a key file.
func keyIn(table, text string, opts []dkim.KeyOption) (crypto.Signer, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("neither a path nor a key in base64")
	}
	info, err := os.Stat(table)
	if err == nil {
		err = dkim.CheckKeyMode(info, opts...)
	}
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"RSA PRIVATE KEY", "PRIVATE KEY"} {
		var key crypto.Signer
		if key, err = dkim.ParseKey(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})); err == nil {
			return key, nil
		}
	}
	return nil, err
}

// readRules converts the entries of the signing table: PATTERN NAME[:IDENTITY].
func readRules(src source, entries []entry, keys map[string]dkim.Key, thirdParty bool) ([]dkim.Rule, error) {
	if !src.wildcards {
		entries = inOrder(entries)
	}
	var errs []error
	rules := make([]dkim.Rule, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		if err := src.checkPattern(e); err != nil {
			errs = append(errs, err)
			continue
		}
		name, identity, _ := strings.Cut(e.value, ":")
		if identity != "" && !strings.Contains(identity, "@") {
			errs = append(errs, e.fail(src.path, e.valueAt+len(name)+1, "the identity %q has no @", identity))
		}
		if name == "%" {
			named := namedAfterDomains(e.key, keys, identity, thirdParty)
			if len(named) == 0 {
				errs = append(errs, e.fail(src.path, e.valueAt, "no key in the key table is named after a domain that %q matches", e.key))
			}
			rules = append(rules, named...)
			continue
		}
		key, ok := keys[name]
		if !ok {
			errs = append(errs, e.fail(src.path, e.valueAt, "the key table has no key %q", name))
		}
		key.Identity = identity
		rules = append(rules, dkim.Rule{Senders: []string{e.key}, Keys: []dkim.Key{key}, ThirdParty: thirdParty})
	}
	return rules, errors.Join(errs...)
}

// checkPattern returns an error for a pattern that OpenDKIM accepts but never
// matches.
func (s source) checkPattern(e *entry) error {
	wild := strings.Contains(e.key, "*")
	switch {
	case s.wildcards && !wild && !strings.Contains(e.key, "@"):
		return e.fail(s.path, e.keyAt, "%q matches no address; want *@%s", e.key, e.key)
	case !s.wildcards && wild && e.key != "*" && strings.Contains(strings.TrimSuffix(e.key, "@*"), "*"):
		return e.fail(s.path, e.keyAt, "%q has a wildcard, which requires a refile: table", e.key)
	default:
		return nil
	}
}

// namedAfterDomains returns the rules for an entry with "%" instead of the name
// of a key. Each key that is named after a domain signs for that domain, if the
// pattern matches the domain.
func namedAfterDomains(pattern string, keys map[string]dkim.Key, identity string, thirdParty bool) []dkim.Rule {
	user, host, isAddress := strings.Cut(pattern, "@")
	if !isAddress {
		user, host = "*", pattern
	}
	var rules []dkim.Rule
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if !matchesDomain(host, name) {
			continue
		}
		key := keys[name]
		key.Identity = identity
		rules = append(rules, dkim.Rule{Senders: []string{user + "@" + name}, Keys: []dkim.Key{key}, ThirdParty: thirdParty})
	}
	return rules
}

// matchesDomain reports whether the domain part of a pattern matches a domain.
func matchesDomain(host, domain string) bool {
	if strings.HasPrefix(host, ".") {
		host = "*" + host
	}
	expr := strings.ReplaceAll(regexp.QuoteMeta(host), `\*`, ".*")
	return regexp.MustCompile("(?i)^" + expr + "$").MatchString(domain)
}

// inOrder sorts the entries of a table without wildcards in the order in which
// OpenDKIM looks them up: the address, its domain, the address in a domain
// above, a domain above, the user in any domain, and the wildcard for all
// addresses.
func inOrder(entries []entry) []entry {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b entry) int {
		return cmp.Or(cmp.Compare(rank(a.key), rank(b.key)), cmp.Compare(len(hostOf(b.key)), len(hostOf(a.key))))
	})
	return sorted
}

func rank(key string) int {
	user, host, isAddress := strings.Cut(key, "@")
	switch {
	case key == "*":
		return 5
	case isAddress && host == "*":
		return 4
	case strings.HasPrefix(key, "."):
		return 3
	case isAddress && strings.HasPrefix(host, "."):
		return 2
	case isAddress && user != "":
		return 0
	default:
		return 1
	}
}

func hostOf(key string) string {
	_, host, ok := strings.Cut(key, "@")
	if !ok {
		return key
	}
	return host
}
