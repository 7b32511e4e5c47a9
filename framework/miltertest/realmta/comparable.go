package realmta

import (
	"bytes"
	"slices"
	"strings"
)

// MaxHeaderLine is the maximum length of a header line, including the name and
// the colon, that Sendmail delivers. It silently truncates longer lines.
// Postfix delivers them.
const MaxHeaderLine = 2303

// Comparable returns a message in a normal form that neither server changes.
// With the configurations of this package, a message arrives byte for byte as
// it was sent, with these exceptions:
//
//   - Both servers remove the fields Bcc, Resent-Bcc, Return-Path and
//     Content-Length.
//   - Sendmail refolds fields that contain addresses, such as To, and puts one
//     space after each comma.
//   - In a message that has neither To nor Cc, Sendmail empties the Bcc field
//     instead of removing it.
//   - Sendmail adds an empty line after the header of a message without a body.
//
// Apply Comparable to both messages if an exception may apply. Otherwise
// compare the bytes directly. Lines longer than [MaxHeaderLine] cannot be
// compared.
func Comparable(message []byte) []byte {
	var out []byte
	rest := message
	for len(rest) > 0 && !bytes.HasPrefix(rest, []byte("\r\n")) {
		n := fieldLen(rest)
		out = append(out, comparableField(rest[:n])...)
		rest = rest[n:]
	}
	if len(rest) == 0 {
		rest = []byte("\r\n")
	}
	return append(out, rest...)
}

func comparableField(field []byte) []byte {
	name, value, _ := bytes.Cut(field, []byte(":"))
	switch lower := strings.ToLower(string(name)); {
	case slices.Contains([]string{"bcc", "resent-bcc", "return-path", "content-length"}, lower):
		return nil
	case slices.Contains(addressFields(), lower):
		return []byte(string(name) + ": " + normalizeCommas(string(value)) + "\r\n")
	}
	return field
}

// normalizeCommas unfolds a list of addresses and puts one space after each
// comma and none before it.
func normalizeCommas(list string) string {
	addresses := strings.Split(list, ",")
	for i, address := range addresses {
		addresses[i] = strings.Join(strings.Fields(address), " ")
	}
	return strings.Join(addresses, ", ")
}

// addressFields lists the fields that Sendmail treats as lists of addresses.
func addressFields() []string {
	return []string{
		"from", "sender", "reply-to", "to", "cc", "apparently-to", "errors-to",
		"resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc",
	}
}
