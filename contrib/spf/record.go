package spf

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
)

// record is a record without mistakes (RFC 7208 section 4.6.1). Its parts are parsed again when
// they are needed: those of a record of 32 KiB could take megabytes, in each of the records
// that wait for one that they include.
type record struct {
	text                  string
	redirect, explanation string // "" if the record has none
}

// directives iterates over the mechanisms.
func (rec *record) directives() iter.Seq[directive] {
	return func(yield func(directive) bool) {
		for term := range terms(rec.text) {
			if _, _, ok := cutModifier(term); ok {
				continue
			}
			if d, _ := parseDirective(term); !yield(d) {
				return
			}
		}
	}
}

// terms iterates over the terms of a record.
func terms(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for term := range strings.SplitSeq(text[len(version):], " ") {
			if term != "" && !yield(term) {
				return
			}
		}
	}
}

// directive is a mechanism with its qualifier.
type directive struct {
	text      string // as it is in the record
	result    Status
	mechanism string       // in lower case
	target    string       // "" means the domain of the record
	network   netip.Prefix // of ip4 and ip6
	bits4     int          // of a and mx: the length of the prefixes that are compared
	bits6     int
}

// version is the beginning of every record.
const version = "v=spf1"

// maxQuoted limits what an error quotes of a record, in bytes.
const maxQuoted = 60

// isRecord reports whether a text is a record of this version, however wrong the rest is.
func isRecord(text string) bool {
	return len(text) >= len(version) && strings.EqualFold(text[:len(version)], version) &&
		(len(text) == len(version) || text[len(version)] == ' ')
}

// CheckRecord returns an error for a text that is not an SPF record by the grammar of RFC
// 7208 section 12. It looks up nothing, so it does not see that a record needs too many
// lookups. A domain with such a record has the result [PermError].
func CheckRecord(text string) error {
	_, err := parseRecord(text)
	return err
}

// parseRecord parses a record. The whole record must be right, also behind a mechanism that
// will match (RFC 7208 section 4.6).
func parseRecord(text string) (*record, error) {
	if !isRecord(text) {
		return nil, fmt.Errorf("spf: the record does not begin with %s", version)
	}
	rec := &record{text: text}
	for term := range terms(text) {
		if err := rec.add(term); err != nil {
			return nil, fmt.Errorf("spf: %q: %w", shown(term, maxQuoted), err)
		}
	}
	return rec, nil
}

// add parses a term.
func (rec *record) add(term string) error {
	if name, value, ok := cutModifier(term); ok {
		return rec.addModifier(name, value)
	}
	_, err := parseDirective(term)
	return err
}

// cutModifier returns the name and the value of a term that is a modifier.
func cutModifier(term string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(term, "=")
	if !ok || name == "" || !isAlpha(name[0]) {
		return "", "", false
	}
	for _, c := range []byte(name) {
		if !isAlphaNum(c) && c != '-' && c != '_' && c != '.' {
			return "", "", false
		}
	}
	return strings.ToLower(name), value, true
}

func (rec *record) addModifier(name, value string) error {
	var to *string
	switch name {
	case "redirect":
		to = &rec.redirect
	case "exp":
		to = &rec.explanation
	default:
		_, err := parseMacros(value, explanationLetters, false)
		return err
	}
	if *to != "" {
		return errors.New("the modifier occurs twice")
	}
	*to = value
	_, err := parseDomain(value)
	return err
}

// parseDirective parses a mechanism with its qualifier.
func parseDirective(term string) (directive, error) {
	d := directive{text: term, result: Pass, bits4: 32, bits6: 128}
	rest := term
	switch term[0] {
	case '+':
		rest = rest[1:]
	case '-':
		d.result, rest = Fail, rest[1:]
	case '~':
		d.result, rest = SoftFail, rest[1:]
	case '?':
		d.result, rest = Neutral, rest[1:]
	}
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	d.mechanism = strings.ToLower(rest[:end])
	return d, d.parseArgument(rest[end:])
}

var errNoArgument = errors.New("the mechanism takes no such argument")

// parseArgument parses what follows the name of a mechanism.
func (d *directive) parseArgument(arg string) error {
	domain, hasDomain := strings.CutPrefix(arg, ":")
	var err error
	switch d.mechanism {
	case "all":
		if arg != "" {
			return errNoArgument
		}
	case "include", "exists":
		if !hasDomain {
			return errors.New("the mechanism needs a domain")
		}
		err = d.setTarget(domain)
	case "ptr":
		if hasDomain {
			err = d.setTarget(domain)
		} else if arg != "" {
			return errNoArgument
		}
	case "a", "mx":
		domain, err = d.cutLengths(arg)
		if err != nil || domain == "" {
			return err
		}
		if domain, hasDomain = strings.CutPrefix(domain, ":"); !hasDomain {
			return errNoArgument
		}
		err = d.setTarget(domain)
	case "ip4", "ip6":
		if !hasDomain {
			return errors.New("the mechanism needs an address")
		}
		d.network, err = parseNetwork(domain, d.mechanism == "ip4")
	default:
		return errors.New("unknown mechanism")
	}
	return err
}

func (d *directive) setTarget(domain string) error {
	d.target = domain
	_, err := parseDomain(domain)
	return err
}

// cutLengths cuts the lengths of prefixes, such as /24//64, from the end of an argument. A
// domain may contain slashes too, but does not end in one and digits.
func (d *directive) cutLengths(arg string) (rest string, err error) {
	if before, length, ok := cutLength(arg, "//"); ok {
		if d.bits6, err = parseLength(length, 128); err != nil {
			return "", err
		}
		arg = before
	}
	if before, length, ok := cutLength(arg, "/"); ok && !strings.HasSuffix(before, "/") {
		if d.bits4, err = parseLength(length, 32); err != nil {
			return "", err
		}
		arg = before
	}
	return arg, nil
}

// cutLength cuts a separator and the digits behind it from the end of a text.
func cutLength(text, separator string) (before, length string, ok bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	length = text[i+len(separator):]
	return text[:i], length, length != "" && strings.Trim(length, "0123456789") == ""
}

// parseLength parses the length of a prefix. It has no leading zero.
func parseLength(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n > most || strconv.Itoa(n) != text {
		return 0, fmt.Errorf("the length of a prefix is not a number from 0 to %d", most)
	}
	return n, nil
}

// parseNetwork parses the argument of ip4 or ip6.
func parseNetwork(text string, is4 bool) (netip.Prefix, error) {
	host, length, hasLength := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Is4() != is4 || addr.Zone() != "" {
		return netip.Prefix{}, errors.New("not an address of this version")
	}
	bits := addr.BitLen()
	if hasLength {
		if bits, err = parseLength(length, bits); err != nil {
			return netip.Prefix{}, err
		}
	}
	return netip.PrefixFrom(addr, bits).Masked(), nil
}

// parseDomain parses a domain-spec: a text with macros that ends in a macro or in a label
// that a top-level domain can have.
func parseDomain(text string) (macroString, error) {
	if text == "" {
		return nil, errors.New("the domain is empty")
	}
	parts, err := parseMacros(text, letters, false)
	if err != nil {
		return nil, err
	}
	end := parts[len(parts)-1]
	if end.macro {
		return parts, nil
	}
	rest := strings.TrimSuffix(end.text, ".")
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 || !isTopLabel(rest[dot+1:]) {
		return nil, errors.New("the domain does not end in a top-level domain or in a macro")
	}
	return parts, nil
}

// isTopLabel reports whether a label can be that of a top-level domain: letters, digits and
// hyphens between them, and not digits alone.
func isTopLabel(label string) bool {
	if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	numeric := true
	for _, c := range []byte(label) {
		if !isAlphaNum(c) && c != '-' {
			return false
		}
		numeric = numeric && isDigit(c)
	}
	return !numeric
}
