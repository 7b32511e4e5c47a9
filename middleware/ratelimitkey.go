package middleware

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Key is a property of messages or recipients. [RateLimit] counts those with the
// same value together, and [Sample] selects those with the same value together.
// The zero Key is a mistake.
//
// Values come from clients. They are compared without regard to case. A value
// that is longer than a mail address can be is replaced by its hash, so that
// the memory of a store is bounded.
type Key struct {
	name  string
	stage framework.Stage // from which on the value is known
	macro string          // has the value at later stages
	event func(ev framework.Event) (string, bool)
	value func(raw string) string
	err   error // why the key cannot be used, or nil
}

// check returns an error if the key cannot be used.
func (k Key) check() error {
	if k.err == nil && k.value == nil {
		return errors.New("Key is the zero value; want one such as ByClient()")
	}
	return k.err
}

// ByClient is the IPv4 address of the SMTP client, or its IPv6 network of 64
// bits, because a client can use any address of such a network. Local mail has
// no value.
func ByClient() Key { return ByClientNetwork(32, 64) }

// ByClientNetwork is the network of the SMTP client, with prefixes of the given
// number of bits for IPv4 and IPv6.
func ByClientNetwork(bits4, bits6 int) Key {
	if bits4 < 0 || bits4 > 32 || bits6 < 0 || bits6 > 128 {
		return Key{err: fmt.Errorf("ByClientNetwork: want 0 to 32 and 0 to 128 bits, not %d and %d", bits4, bits6)}
	}
	return Key{name: "client", stage: framework.StageConnect, macro: "client_addr", event: clientOf, value: func(raw string) string {
		addr, ok := parseAddr(raw)
		bits := bits4
		if addr.Is6() {
			bits = bits6
		}
		prefix, err := addr.Prefix(bits)
		if !ok || err != nil {
			return ""
		}
		return prefix.String()
	}}
}

// BySender is the envelope's sender. A bounce has no value.
func BySender() Key {
	return Key{name: "sender", stage: framework.StageMail, macro: "mail_addr", event: senderOf, value: bareAddress}
}

// BySenderDomain is the domain of the envelope's sender. A bounce has no value.
func BySenderDomain() Key {
	return Key{name: "sender-domain", stage: framework.StageMail, macro: "mail_addr", event: senderOf, value: domainOf}
}

// ByAuthUser is the user name of a client that authenticated. Mail of other
// clients has no value.
func ByAuthUser() Key {
	return Key{name: "user", stage: framework.StageMail, macro: "auth_authen", value: verbatim}
}

// ByRecipient is the address of a recipient of the envelope.
func ByRecipient() Key {
	return Key{name: "recipient", stage: framework.StageRcpt, event: recipientOf, value: bareAddress}
}

// ByRecipientDomain is the domain of a recipient of the envelope.
func ByRecipientDomain() Key {
	return Key{name: "recipient-domain", stage: framework.StageRcpt, event: recipientOf, value: domainOf}
}

// ByQueueID is the MTA's ID of the message, which is known from Data on. It is
// different for each message, and useful for [Sample].
func ByQueueID() Key {
	return Key{name: "queue", stage: framework.StageData, macro: "i", value: verbatim}
}

// maxKey is the length from which on a value is replaced by its hash. An address
// has at most 254 bytes (RFC 5321, 4.5.3.1.3).
const maxKey = 256

// bind returns a function that returns the key's value at a route, or "" if there
// is none. It requests the macro if the route's event does not have the value.
func (k Key) bind(rt *framework.Route) func(s *framework.Session, ev framework.Event) string {
	if k.event != nil && (k.macro == "" || rt.Stage() == k.stage) {
		return func(_ *framework.Session, ev framework.Event) string {
			raw, _ := k.event(ev)
			return k.normal(raw)
		}
	}
	macro := rt.WantMacro(k.stage, k.macro)
	return func(s *framework.Session, _ framework.Event) string {
		raw, _ := macro.Value(s)
		return k.normal(raw)
	}
}

// normal returns the normalized value, as RateLimit counts it.
func (k Key) normal(raw string) string {
	v := strings.ToLower(k.value(raw))
	if len(v) > maxKey {
		sum := sha256.Sum256([]byte(v))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	return v
}

func clientOf(ev framework.Event) (string, bool) {
	e, ok := ev.(*framework.Connect)
	if !ok || !e.Addr().IsValid() {
		return "", false
	}
	return e.Addr().String(), true
}

func senderOf(ev framework.Event) (string, bool) {
	e, ok := ev.(*framework.Mail)
	if !ok {
		return "", false
	}
	return e.Sender(), true
}

func recipientOf(ev framework.Event) (string, bool) {
	e, ok := ev.(*framework.Rcpt)
	if !ok {
		return "", false
	}
	return e.Recipient(), true
}

// parseAddr parses an address in the form of the macro {client_addr}. Sendmail
// writes "IPv6:" before an IPv6 address.
func parseAddr(raw string) (netip.Addr, bool) {
	const longest = len("IPv6:") + 64 // a zone may follow
	if len(raw) > longest {
		return netip.Addr{}, false
	}
	if len(raw) > 5 && strings.EqualFold(raw[:5], "IPv6:") {
		raw = raw[5:]
	}
	addr, err := netip.ParseAddr(raw)
	return addr.Unmap().WithZone(""), err == nil
}

func verbatim(raw string) string { return raw }

// bareAddress returns an address without its angle brackets.
func bareAddress(raw string) string {
	if n := len(raw); n >= 2 && raw[0] == '<' && raw[n-1] == '>' {
		return raw[1 : n-1]
	}
	return raw
}

// domainOf returns the part after the last @ of an address, without a dot at its
// end.
func domainOf(raw string) string {
	addr := bareAddress(raw)
	return strings.TrimSuffix(addr[strings.LastIndexByte(addr, '@')+1:], ".")
}
