package realmta

import (
	"bytes"
	"slices"
	"strings"
)

// MaxHeaderLine is the length, name and colon included, at which Sendmail cuts
// a line of a header field when it delivers: what is longer is lost without a
// word. Postfix keeps it.
const MaxHeaderLine = 2303

// Comparable returns a message in a form that both servers leave alone. With
// the configurations of this package a message arrives byte for byte as it was
// sent, except that
//
//   - both take away the fields Bcc, Resent-Bcc, Return-Path and
//     Content-Length,
//   - Sendmail unfolds the fields that list addresses, such as To, folds them
//     anew and puts one space after each comma,
//   - Sendmail leaves an empty Bcc in a message without To and Cc,
//   - Sendmail ends a header that has no body with an empty line.
//
// Compare a message through this function where it may have one of these, and
// bytes where it has not. Lines longer than [MaxHeaderLine] cannot be compared.
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
		return []byte(string(name) + ": " + evenCommas(string(value)) + "\r\n")
	}
	return field
}

// evenCommas joins lines and puts one space after each comma, none before it.
func evenCommas(list string) string {
	addresses := strings.Split(list, ",")
	for i, address := range addresses {
		addresses[i] = strings.Join(strings.Fields(address), " ")
	}
	return strings.Join(addresses, ", ")
}

// addressFields lists what Sendmail takes for lists of addresses.
func addressFields() []string {
	return []string{
		"from", "sender", "reply-to", "to", "cc", "apparently-to", "errors-to",
		"resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc",
	}
}
