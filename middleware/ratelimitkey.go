package middleware

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Key is what messages or recipients have in common that are counted together
// by [RateLimit], or chosen together by [Sample]. The zero Key cannot be used.
//
// What stands in a key comes from strangers. It is compared without regard to
// the case of letters, and one that is longer than an address may be is replaced
// by its hash, so that a store's memory is bounded.
type Key struct {
	name  string
	stage framework.Stage // from which on it is known
	macro string          // that tells it at the later stages
	event func(ev framework.Event) (string, bool)
	value func(raw string) string
	wrong string
}

// mistake returns why the key cannot be used, or "".
func (k Key) mistake() string {
	if k.wrong == "" && k.value == nil {
		return "no key to count by"
	}
	return k.wrong
}

// ByClient is the SMTP client's address. Of IPv6 it is the network of 64 bits,
// of which a client has as many addresses as it likes. Mail that came by no
// network has none.
func ByClient() Key { return ByClientNetwork(32, 64) }

// ByClientNetwork is the SMTP client's network, of the given number of bits
// for IPv4 and IPv6.
func ByClientNetwork(bits4, bits6 int) Key {
	if bits4 < 0 || bits4 > 32 || bits6 < 0 || bits6 > 128 {
		return Key{wrong: fmt.Sprintf("ByClientNetwork: no networks have %d and %d bits", bits4, bits6)}
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

// BySender is the envelope's sender. A bounce has none.
func BySender() Key {
	return Key{name: "sender", stage: framework.StageMail, macro: "mail_addr", event: senderOf, value: bareAddress}
}

// BySenderDomain is the domain of the envelope's sender. A bounce has none.
func BySenderDomain() Key {
	return Key{name: "sender-domain", stage: framework.StageMail, macro: "mail_addr", event: senderOf, value: domainOf}
}

// ByAuthUser is the name by which the client logged in. One that did not has
// none.
func ByAuthUser() Key {
	return Key{name: "user", stage: framework.StageMail, macro: "auth_authen", value: verbatim}
}

// ByRecipient is each of the envelope's recipients.
func ByRecipient() Key {
	return Key{name: "recipient", stage: framework.StageRcpt, event: recipientOf, value: bareAddress}
}

// ByRecipientDomain is the domain of each of the envelope's recipients.
func ByRecipientDomain() Key {
	return Key{name: "recipient-domain", stage: framework.StageRcpt, event: recipientOf, value: domainOf}
}

// ByQueueID is the MTA's name for the message, known from Data on: each message
// has its own. It is for [Sample].
func ByQueueID() Key {
	return Key{name: "queue", stage: framework.StageData, macro: "i", value: verbatim}
}

// maxKey is how long a key's value may be: an address has at most 254 bytes
// (RFC 5321, 4.5.3.1.3).
const maxKey = 256

// bind readies the key for a route, asks for the macro where the route's own
// event does not tell, and returns what tells it. That returns "" where a
// message has none.
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

// normal returns the value that is counted by.
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

// parseAddr reads an address as MTAs write it in {client_addr}: Sendmail puts
// "IPv6:" before one of that kind.
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

// domainOf returns what stands after an address's last @, without the dot that
// may end it.
func domainOf(raw string) string {
	addr := bareAddress(raw)
	return strings.TrimSuffix(addr[strings.LastIndexByte(addr, '@')+1:], ".")
}
