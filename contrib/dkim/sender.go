package dkim

import (
	"errors"
	"fmt"
	"strings"
)

// CheckSender returns an error for a pattern that can match no address, such as
// "<*@example.com>" or "example.com.". The error says what to write instead, if
// that is known. [Rule] describes the patterns. New refuses such patterns in
// Rule.Senders.
func CheckSender(pattern string) error {
	text := strings.TrimSpace(pattern)
	bare := strings.TrimRight(strings.TrimPrefix(strings.Trim(text, `<>"' `), byteOrderMark), ".,;")
	switch err := checkSender(text); {
	case err == nil:
		return nil
	case bare != text && checkSender(bare) == nil:
		return fmt.Errorf("%q matches no address: %w; write %q", pattern, err, bare)
	default:
		return fmt.Errorf("%q matches no address: %w", pattern, err)
	}
}

// Errors of checkSender.
var (
	errSenderEmpty = errors.New("it is empty")
	errSenderLabel = errors.New("an empty label or a dot at the end")
	errSenderLocal = errors.New("nothing before the @; a domain is written without the @")
)

func checkSender(pattern string) error {
	local, domain, isAddress := cutLast(pattern, "@")
	switch {
	case pattern == "":
		return errSenderEmpty
	case !isAddress:
		local, domain = "*", pattern
	case local == "":
		return errSenderLocal
	}
	for i, r := range local {
		if r == '\ufeff' || !inLocal(local[i]) {
			return fmt.Errorf("the character %q", r)
		}
	}
	return checkSenderDomain(asciiDomain(domain))
}

// cutLast is like strings.Cut, but cuts at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// inLocal reports whether a pattern may have a byte before the @: whether an
// address may have it there without quotes, or it is a wildcard. An address with
// quotes can only be matched by a wildcard.
func inLocal(c byte) bool {
	return c >= 0x80 || isAlphaNum(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) >= 0
}

// checkSenderDomain checks the part of a pattern that is to match a domain. It
// may begin with a dot. Wildcards stand for any text.
func checkSenderDomain(domain string) error {
	if strings.HasPrefix(domain, "[") && strings.HasSuffix(domain, "]") {
		return nil // an address literal, which a rule for third parties may match
	}
	domain = strings.TrimPrefix(domain, ".")
	for i, r := range domain {
		if !isAlphaNum(domain[i]) && strings.IndexByte("-_.*", domain[i]) < 0 {
			return fmt.Errorf("the character %q in the domain", r)
		}
	}
	if strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || domain == "" || strings.Contains(domain, "..") {
		return errSenderLabel
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > 63 {
			return errors.New("a label of more than 63 bytes")
		}
	}
	return nil
}
