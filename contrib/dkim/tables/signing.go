package tables

import (
	"cmp"
	"crypto"
	"errors"
	"fmt"
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
	keyEntries, _, err := Read(keyTable)
	if err != nil {
		return nil, err
	}
	signEntries, wildcards, err := Read(signingTable)
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(keyEntries, opts)
	if err != nil {
		return nil, err
	}
	return readRules(signEntries, wildcards, keys, thirdParty)
}

// readKeys converts the entries of the key table: NAME DOMAIN:SELECTOR:KEY.
func readKeys(entries []Entry, opts []dkim.KeyOption) (map[string]dkim.Key, error) {
	keys := make(map[string]dkim.Key, len(entries))
	var errs []error
	for i := range entries {
		e := &entries[i]
		if _, there := keys[e.Key]; there {
			errs = append(errs, e.fail(e.KeyColumn, "duplicate key %q", e.Key))
			continue
		}
		parts := strings.SplitN(e.Value, ":", 3)
		if len(parts) < 3 || parts[2] == "" {
			errs = append(errs, e.fail(e.ValueColumn, "want DOMAIN:SELECTOR:KEY"))
			continue
		}
		signer, err := readKey(e.File, parts[2], opts)
		if err != nil {
			errs = append(errs, e.fail(e.ValueColumn+len(parts[0])+len(parts[1])+2, "%w", err))
		}
		keys[e.Key] = dkim.Key{Domain: parts[0], Selector: parts[1], Signer: signer}
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
	if table == listName {
		return nil, errors.New("not a path; a private key can be in the file of a table, but not in a list")
	}
	info, err := os.Stat(table)
	if err == nil {
		err = dkim.CheckKeyMode(info, opts...)
	}
	if err != nil {
		return nil, err
	}
	key, err := dkim.ParseKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("neither a path nor a key in base64: %w", err)
	}
	return key, nil
}

// readRules converts the entries of the signing table: PATTERN NAME[:IDENTITY].
func readRules(entries []Entry, wildcards bool, keys map[string]dkim.Key, thirdParty bool) ([]dkim.Rule, error) {
	if !wildcards {
		entries = inOrder(entries)
	}
	var errs []error
	rules := make([]dkim.Rule, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		if err := checkPattern(e, wildcards); err != nil {
			errs = append(errs, err)
			continue
		}
		name, identity, _ := strings.Cut(e.Value, ":")
		if identity != "" && !strings.Contains(identity, "@") {
			errs = append(errs, e.fail(e.ValueColumn+len(name)+1, "the identity %q has no @", identity))
		}
		if name == "%" {
			named := namedAfterDomains(e.Key, keys, identity, thirdParty)
			if len(named) == 0 {
				errs = append(errs, e.fail(e.ValueColumn, "no key in the key table is named after a domain that %q matches", e.Key))
			}
			rules = append(rules, named...)
			continue
		}
		key, ok := keys[name]
		if !ok {
			errs = append(errs, e.fail(e.ValueColumn, "the key table has no key %q", name))
		}
		key.Identity = identity
		rules = append(rules, dkim.Rule{Senders: []string{e.Key}, Keys: []dkim.Key{key}, ThirdParty: thirdParty})
	}
	return rules, errors.Join(errs...)
}

// checkPattern returns an error for a pattern that OpenDKIM accepts but never
// matches.
func checkPattern(e *Entry, wildcards bool) error {
	wild := strings.Contains(e.Key, "*")
	if err := dkim.CheckSender(e.Key); err != nil {
		return e.fail(e.KeyColumn, "%w", err)
	}
	switch {
	case wildcards && strings.Contains(e.Key, "@."):
		return e.fail(e.KeyColumn, "%q matches no address; want %s", e.Key, strings.Replace(e.Key, "@.", "@*.", 1))
	case wildcards && !wild && !strings.Contains(e.Key, "@"):
		return e.fail(e.KeyColumn, "%q matches no address; want *@%s", e.Key, e.Key)
	case !wildcards && wild && e.Key != "*" && strings.Contains(strings.TrimSuffix(e.Key, "@*"), "*"):
		return e.fail(e.KeyColumn, "%q has a wildcard, which requires a refile: table", e.Key)
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

// inOrder returns the entries of a table without wildcards in the order in which
// OpenDKIM looks them up: the address and its domain; for each domain above, the
// nearest first, the address in it and the domain; then the user in any domain,
// and the wildcard for all addresses. Of several entries with a key, OpenDKIM
// finds the first.
func inOrder(entries []Entry) []Entry {
	seen := make(map[string]bool, len(entries))
	var sorted []Entry
	for i := range entries {
		if key := strings.ToLower(entries[i].Key); !seen[key] {
			seen[key] = true
			sorted = append(sorted, entries[i])
		}
	}
	slices.SortStableFunc(sorted, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(rank(a.Key), rank(b.Key)), cmp.Compare(len(hostOf(b.Key)), len(hostOf(a.Key))), cmp.Compare(userRank(a.Key), userRank(b.Key)))
	})
	return sorted
}

// rank returns the place of a key among the kinds of keys.
func rank(key string) int {
	user, host, isAddress := strings.Cut(key, "@")
	switch {
	case key == "*":
		return 4
	case isAddress && host == "*":
		return 3
	case strings.HasPrefix(host, ".") || !isAddress && strings.HasPrefix(key, "."):
		return 2
	case isAddress && user != "":
		return 0
	default:
		return 1
	}
}

// userRank returns the place of a key among those of one domain: the address
// comes before the domain.
func userRank(key string) int {
	if strings.Contains(key, "@") {
		return 0
	}
	return 1
}

func hostOf(key string) string {
	_, host, ok := strings.Cut(key, "@")
	if !ok {
		return key
	}
	return host
}
