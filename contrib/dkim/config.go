package dkim

import (
	"crypto"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config says what a filter does. It is not changed by the filters made of it.
type Config struct {
	// Name is the filter's name in logs and in the plan: "dkim".
	Name string
	// Signing says what is signed, and how.
	Signing Signing
	// Verifying says how the rest is verified, and what follows from it.
	Verifying Verifying
	// Trust says whose mail is ours to sign.
	Trust Trust
	// Observe, if not nil, is called for each message and each signature, for
	// metrics. It may be called from many goroutines at once.
	Observe func(Event)
	// Now is the clock: time.Now.
	Now func() time.Time
}

// Trust says which messages are signed if a rule of [Signing] has a key for
// them. Nothing else is ever signed. What a message says about itself plays no
// part here.
type Trust struct {
	// Networks are the addresses of clients whose mail is signed. Nil means
	// this host: 127.0.0.0/8 and ::1. Mail that has come over a unix socket,
	// or that this host's own programs submitted, counts as from 127.0.0.1.
	Networks []netip.Prefix
	// Except are addresses that Networks does not hold after all.
	Except []netip.Prefix
	// NotAuthenticated turns off that mail of clients that have logged in (the
	// macro {auth_authen}) is signed.
	NotAuthenticated bool
	// OwnDomain has such mail signed only if all its authors are in the domain
	// of the name that the client has logged in with, or below it. A name
	// without a domain is bound to none. MTAs themselves compare the envelope's
	// sender with the login, and not the From field.
	OwnDomain bool
	// Macros are macros of the MTA and the values that make a message ours,
	// such as "{daemon_name}" with "ORIGINATING". They must be set at the
	// stage Connect or Mail.
	Macros map[string][]string
}

// Canonicalization is how much a signature lets change on the way.
type Canonicalization uint8

// The canonicalizations of RFC 6376 section 3.4.
const (
	// Relaxed lets white space change.
	Relaxed Canonicalization = iota
	// Simple lets nothing change.
	Simple
)

// AUID is what a signature says about the author's address: its i= tag.
type AUID uint8

// What i= may hold.
const (
	// NoAUID leaves the tag out, which stands for "@" and the signing domain.
	NoAUID AUID = iota
	// AUIDDomain is "@" and the domain of the From field.
	AUIDDomain
	// AUIDAddress is the address of the From field.
	AUIDAddress
)

// Signing says what is signed, and how.
type Signing struct {
	// Rules are asked in order; the first whose senders match decides.
	Rules []Rule
	// AllRules has the keys of all rules whose senders match sign, not those
	// of the first alone.
	AllRules bool
	// Headers are the names of the fields to sign, every field of a name. Nil
	// means [DefaultHeaders]. From is always signed.
	Headers []string
	// Oversign are the names signed once more than there are fields, so that
	// none can be added. Nil means [DefaultOversign].
	Oversign []string
	// Header and Body are the canonicalizations.
	Header, Body Canonicalization
	// Lifetime is how long a signature is valid (x=), a second or more. 0 means
	// for ever.
	Lifetime time.Duration
	// NoTime leaves out when a message was signed (t=).
	NoTime bool
	// Resolver, if not nil, is asked whether a key is published before the
	// filter signs with it. A key that is not stays unused; so the next key of
	// a rotation may be configured before the DNS has it.
	Resolver Resolver
}

// Rule has keys for senders.
type Rule struct {
	// Senders are patterns for the address of the From field, compared without
	// regard to case, and to whether a domain is in its ASCII form:
	// "ann@example.org", "example.org" for a domain, ".example.org" for what is
	// below it, "*" for all; any other asterisk, as in "*@*.example.org", stands
	// for any text.
	Senders []string
	// Keys all sign, except that of the keys with one domain and one kind
	// (RSA, Ed25519) only those with the latest Since sign: a rotation.
	Keys []Key
	// ThirdParty allows keys of domains that are neither the sender's nor
	// above it.
	ThirdParty bool
}

// Key is a private key, and where its public half is published.
type Key struct {
	// Domain is the signing domain (d=). "%" stands for that of the From
	// field.
	Domain string
	// Selector is the name below _domainkey.Domain (s=).
	Selector string
	// Signer is an RSA key of at least 1024 bits, or an Ed25519 key.
	Signer crypto.Signer
	// AUID is what i= holds.
	AUID AUID
	// Identity, if not empty, is what i= holds in place of that. A "%" in it
	// stands for the domain of the From field. It is left out where it is not
	// in the signing domain or below it.
	Identity string
	// Since and Until bound when the key is used; zero means no bound.
	Since, Until time.Time
}

// Verifying says how messages are verified, and what follows from it.
type Verifying struct {
	// AuthservID names this host in Authentication-Results, where it tells
	// whom to believe. "" means what the MTA calls itself (the macro j).
	AuthservID string
	// AlsoRemove are further names of this host: fields with them are removed
	// too.
	AlsoRemove []string
	// Relays are networks whose Authentication-Results with our name are kept,
	// because hosts there verify for us.
	Relays []netip.Prefix
	// Resolver is asked for keys; it is needed. See [NewCache].
	Resolver Resolver
	// Timeout bounds the wait for all keys of a message: 10 seconds.
	Timeout time.Duration
	// MaxSignatures bounds how many signatures of a message are verified: 10.
	// Those of the author's domain come first.
	MaxSignatures int
	// MinBits is the smallest RSA key that is accepted: 1024.
	MinBits int
	// BodyLength says what becomes of a signature that covers a part of the
	// body only (l=).
	BodyLength BodyLength
	// Skew is how far in the future a signature may be made: 5 minutes.
	Skew time.Duration
	// Policies say what happens to a message by the domain of its From field:
	// "example.org", ".example.org" for what is below it, "*" for the others.
	Policies map[string]Policy
}

// BodyLength is a policy for signatures with l=.
type BodyLength uint8

// What becomes of a signature with l=.
const (
	// BodyLengthExact accepts it if it covers the whole body all the same.
	BodyLengthExact BodyLength = iota
	// BodyLengthRefuse accepts none.
	BodyLengthRefuse
	// BodyLengthAccept accepts it, though anyone may have added text.
	BodyLengthAccept
)

// Action is what happens to a message.
type Action uint8

// The actions, the gravest last.
const (
	Accept Action = iota
	Quarantine
	TempFail
	Reject
)

// String returns the action's name, as configurations have it.
func (a Action) String() string {
	names := [...]string{"accept", "quarantine", "tempfail", "reject"}
	if int(a) < len(names) {
		return names[a]
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// ParseAction is the inverse of [Action.String].
func ParseAction(name string) (Action, error) {
	for a := Accept; a <= Reject; a++ {
		if a.String() == name {
			return a, nil
		}
	}
	return Accept, errors.New("want accept, quarantine, tempfail or reject")
}

// Policy says what happens to messages that no valid signature of the author's
// domain, or of one above it, stands for. A domain that is testing (t=y) counts
// as one that does not sign.
type Policy struct {
	// Unsigned is for messages that the author's domain has not signed.
	Unsigned Action
	// Fail is for messages whose signatures of that domain are not valid.
	Fail Action
	// TempError is for messages of which this cannot be told now.
	TempError Action
}

// DefaultHeaders are the fields that are signed: those that RFC 6376 section
// 5.4.1 names, and those that decide how a message is shown.
func DefaultHeaders() []string {
	return []string{
		"From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-ID", "Content-Description",
		"Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Message-ID",
		"In-Reply-To", "References", "List-ID", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post",
		"List-Subscribe", "List-Post", "List-Owner", "List-Archive",
	}
}

// DefaultOversign are the fields of which none may be added. Those that mail
// servers add where they lack, Date and Message-ID, are not among them.
func DefaultOversign() []string { return []string{"From", "Reply-To", "Subject", "To", "Cc"} }

// errConfig begins every error about a configuration.
var errConfig = errors.New("dkim: configuration")
