package dkim

import (
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Config configures a filter. The filters do not modify it.
type Config struct {
	// Name is the name of the filter in logs and in the plan. It defaults
	// to "dkim".
	Name string
	// Signing configures how messages are signed.
	Signing Signing
	// Verifying configures how messages are verified, and the policies for
	// the results.
	Verifying Verifying
	// Trust selects the messages that may be signed.
	Trust Trust
	// LogLevel is the level of the lines about a message that is verified: its results, forged
	// fields, and policies. It defaults to [slog.LevelInfo].
	LogLevel slog.Level
	// Observe, if not nil, is called for each [Event], for metrics. It must
	// be safe for concurrent use.
	Observe func(Event)
	// Now returns the current time. It defaults to time.Now.
	Now func() time.Time
}

// Trust selects the messages that are signed if a rule of [Signing] has a key
// for them. No other message is signed. A message is selected by how it was
// submitted, never because of its content.
type Trust struct {
	// Networks are the addresses of the clients whose mail is signed. Nil
	// means this host: 127.0.0.0/8 and ::1. Mail from a unix socket or from
	// a program on this host counts as mail from 127.0.0.1.
	Networks []netip.Prefix
	// Except are addresses that are excluded from Networks. If a network and
	// an exception contain an address, the longer prefix decides.
	Except []netip.Prefix
	// NotAuthenticated turns off signing for clients that have logged in,
	// that is, clients with a value of the macro {auth_authen}.
	NotAuthenticated bool
	// OwnDomain restricts signing for clients that have logged in: all
	// authors must be in the domain of the login name or in a subdomain. A
	// login name without a domain is not restricted. Without OwnDomain, a
	// client can sign as any author, because MTAs compare the login with
	// the envelope sender and not with the From field.
	OwnDomain bool
	// Macros maps macros of the MTA to the values with which a message is
	// signed, such as "{daemon_name}" to "ORIGINATING". Nil means any value
	// that is not empty. An empty list is an error. The MTA must send the
	// macros at the stage Connect or Mail.
	Macros map[string][]string
}

// Canonicalization determines which changes in transit a signature tolerates.
type Canonicalization uint8

// The canonicalizations of RFC 6376 section 3.4.
const (
	// Relaxed tolerates changes of white space.
	Relaxed Canonicalization = iota
	// Simple tolerates no changes.
	Simple
)

// AUID selects the value of the i= tag of a signature, which identifies the
// author.
type AUID uint8

// Values of AUID.
const (
	// NoAUID omits the tag. Its default value is "@" and the signing
	// domain.
	NoAUID AUID = iota
	// AUIDDomain sets the tag to "@" and the domain of the From field.
	AUIDDomain
	// AUIDAddress sets the tag to the address of the From field.
	AUIDAddress
)

// Signing configures how messages are signed.
type Signing struct {
	// Rules select the keys for a message. The first rule whose senders
	// match applies.
	Rules []Rule
	// AllRules applies all rules whose senders match, not only the first.
	AllRules bool
	// ExceptRecipients are patterns for addresses, as in Rule.Senders. If a
	// recipient of a message that [Trust] admits matches one, the message is
	// neither signed nor verified.
	ExceptRecipients []string
	// Headers are the names of the header fields to sign. If a message has
	// several fields with a name, all of them are signed. Nil means
	// [DefaultHeaders]. From is always signed.
	Headers []string
	// Oversign are the names of the fields that are listed in the signature
	// (h=) once more than the message has them, so that adding such a field
	// breaks the signature. Nil means [DefaultOversign].
	Oversign []string
	// Header and Body are the canonicalizations of header and body. If the MTA does
	// not show header fields byte by byte (SMFIP_HDR_LEADSPC), as Maddy, Stalwart and
	// old versions of the protocol, the filter uses Relaxed for the header, and logs
	// that it does.
	Header, Body Canonicalization
	// Lifetime is the time for which a signature is valid (x=), at least a
	// second. 0 means that signatures do not expire.
	Lifetime time.Duration
	// NoTime omits the time of signing (t=).
	NoTime bool
	// Optional makes the right to add fields a wish: mail of an MTA that does
	// not grant it stays unsigned, and a line in the log says so once for each
	// connection. Without Optional the filter cannot work behind such an MTA:
	// see framework.Optional.
	Optional bool
	// Resolver, if not nil, looks up whether a key is published before the
	// filter signs with it. The filter does not use a key that is not
	// published, so the next key of a rotation can be configured before the
	// DNS has it.
	Resolver Resolver
}

// Rule assigns keys to senders.
type Rule struct {
	// Senders are patterns for the address in the From field: an address
	// ("ann@example.org"), a domain ("example.org"), the subdomains of a
	// domain (".example.org"), or "*" for all addresses. In other patterns,
	// such as "*@*.example.org", an asterisk matches any text. Case does
	// not matter. An internationalized domain and its ASCII form are equal.
	// A pattern that can match no address is an error: see [CheckSender].
	Senders []string
	// Keys are the keys that sign. If several keys have the same domain and
	// kind (RSA, Ed25519), they form a rotation: only those with the latest
	// Since sign.
	Keys []Key
	// ThirdParty allows keys whose domain is neither the sender's domain
	// nor a domain above it.
	ThirdParty bool
}

// Key is a private key with the domain and selector of its public key.
type Key struct {
	// Domain is the signing domain (d=). "%" means the domain of the From
	// field.
	Domain string
	// Selector is the selector (s=). The public key is published at
	// Selector._domainkey.Domain.
	Selector string
	// Signer is an RSA key of at least 1024 bits, or an Ed25519 key.
	Signer crypto.Signer
	// AUID selects the value of the i= tag.
	AUID AUID
	// Identity, if not empty, is the value of the i= tag and overrides
	// AUID. A "%" in it means the domain of the From field. The tag is
	// omitted if its domain is neither the signing domain nor a subdomain
	// of it.
	Identity string
	// Since and Until limit the time in which the key is used. The zero
	// time means no limit.
	Since, Until time.Time
}

// Verifying configures how messages are verified, and the policies for the
// results.
type Verifying struct {
	// AuthservID is the name of this host in Authentication-Results fields.
	// Programs trust the results under this name. It defaults to the host
	// name that the MTA sends (the macro j).
	AuthservID string
	// AlsoRemove are other names of this host. Authentication-Results
	// fields with these names are removed too.
	AlsoRemove []string
	// Relays are networks with hosts that verify mail for this host. Their
	// Authentication-Results fields are kept, even with the name of this
	// host.
	Relays []netip.Prefix
	// NoField leaves the Authentication-Results field to a filter behind this one, such as that
	// of contrib/mailauth: the filter neither writes it nor removes forged fields, and hands its
	// results on by [ResultsOf]. A filter that only verifies then asks for no right to change
	// the header, so that filters behind it see the message as it comes. AuthservID, AlsoRemove
	// and Relays are ignored.
	NoField bool
	// Optional makes the field a wish: if an MTA does not let the filter add
	// and delete fields, the filter verifies and applies the policies, and
	// writes no field. It then cannot remove forged fields either. So do not
	// set it if a program behind the MTA trusts Authentication-Results. A line
	// in the log says so once for each connection. It has no effect with
	// NoField. See also framework.Optional.
	Optional bool
	// Resolver looks up keys. It is required. Give all filters of a program
	// the same resolver of contrib/resolver.
	Resolver Resolver
	// Timeout limits the time for looking up all keys of a message. It
	// defaults to 10 seconds.
	Timeout time.Duration
	// MaxSignatures limits the number of signatures that are verified in a
	// message. Signatures of the author's domain take precedence. It
	// defaults to 10.
	MaxSignatures int
	// MinBits is the size of the smallest RSA key that is accepted. It
	// defaults to 1024.
	MinBits int
	// BodyLength is the policy for signatures that cover only a part of the
	// body (l=).
	BodyLength BodyLength
	// Skew is the tolerated difference between the clocks of this host and
	// the signer. It defaults to 5 minutes.
	Skew time.Duration
	// Policies maps domains of the From field to policies: "example.org"
	// for a domain, ".example.org" for its subdomains, "*" for all other
	// domains.
	Policies map[string]Policy
}

// BodyLength is a policy for signatures with an l= tag.
type BodyLength uint8

// Values of BodyLength.
const (
	// BodyLengthExact accepts a signature with the tag only if it covers the
	// whole body.
	BodyLengthExact BodyLength = iota
	// BodyLengthRefuse refuses every signature that has the tag.
	BodyLengthRefuse
	// BodyLengthAccept accepts the signature, although anyone may have
	// added text to the body.
	BodyLengthAccept
)

// Action is an action that a policy takes on a message.
type Action uint8

// Values of Action, from the mildest to the most severe.
const (
	// Unset is the zero value, which a [Policy] replaces by its default.
	Unset Action = iota
	Accept
	Quarantine
	TempFail
	Reject
)

// String returns the name of the action in configurations.
func (a Action) String() string {
	names := [...]string{"unset", "accept", "quarantine", "tempfail", "reject"}
	if int(a) < len(names) {
		return names[a]
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// ParseAction returns the action with a name. It is the inverse of
// [Action.String] for all but [Unset].
func ParseAction(name string) (Action, error) {
	for a := Accept; a <= Reject; a++ {
		if a.String() == name {
			return a, nil
		}
	}
	return Unset, errors.New("want accept, quarantine, tempfail or reject")
}

// Policy defines the actions for messages without a valid signature of the
// author's domain or of a domain above it. Signatures of a domain that is
// testing DKIM (t=y) are ignored.
type Policy struct {
	// Unsigned is the action if the domain has not signed the message. It
	// defaults to Accept.
	Unsigned Action
	// Fail is the action if the signatures of the domain are not valid. It
	// defaults to Unsigned. Anyone can add a signature that is not valid, so
	// a milder action than Unsigned lets mail evade Unsigned.
	Fail Action
	// TempError is the action if a signature of the domain cannot be
	// verified now, for example because the DNS does not answer. It
	// defaults to Accept.
	TempError Action
}

// DefaultHeaders returns the default of Signing.Headers: the fields that RFC
// 6376 section 5.4.1 names, and fields that affect how a message is displayed.
func DefaultHeaders() []string {
	return []string{
		"From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-ID", "Content-Description",
		"Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Message-ID",
		"In-Reply-To", "References", "List-ID", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post",
		"List-Subscribe", "List-Post", "List-Owner", "List-Archive",
	}
}

// DefaultOversign returns the default of Signing.Oversign. It does not include
// Date and Message-ID, because mail servers add these fields if they are
// missing.
func DefaultOversign() []string { return []string{"From", "Reply-To", "Subject", "To", "Cc"} }

// errConfig is wrapped by every error about a configuration.
var errConfig = errors.New("dkim: configuration")
