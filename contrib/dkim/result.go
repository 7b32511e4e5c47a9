package dkim

import "time"

// Status is a result in the words of RFC 8601 section 2.7.1.
type Status string

// The results.
const (
	StatusNone      Status = "none"      // there is no signature
	StatusPass      Status = "pass"      // the signature is valid
	StatusFail      Status = "fail"      // it is not
	StatusPolicy    Status = "policy"    // it may be, but is of a kind that is not accepted
	StatusNeutral   Status = "neutral"   // it cannot be understood, or the domain is testing
	StatusTempError Status = "temperror" // it cannot be told now
	StatusPermError Status = "permerror" // the key is missing or unusable
)

// Result is what came of one signature. Its strings can be shown: each was
// checked, or is in words of this package.
type Result struct {
	Status Status
	// Reason says why it is no pass, or what is remarkable about it.
	Reason string
	// Domain, Selector and AUID are the tags d=, s= and i=; "" where they are
	// malformed or, for AUID, missing.
	Domain, Selector, AUID string
	// Algorithm is the tag a=, such as "rsa-sha256".
	Algorithm string
	// Bits is the key's size, once it was found.
	Bits int
	// Signature is the begin of the tag b=, which tells signatures apart.
	Signature string
	// Headers are the names of the signed header fields.
	Headers []string
	// Testing tells that the domain is testing DKIM.
	Testing bool
	// Time and Expires are the tags t= and x=, or zero.
	Time, Expires time.Time
}

// Class tells whose a domain is, for metrics.
type Class string

// The classes of signing domains.
const (
	ClassAuthor     Class = "author"      // the domain of the From field, or above it
	ClassThirdParty Class = "third party" // another
	ClassNone       Class = "none"        // there is no signature, or no domain in it
)

// Kind tells what an event is about.
type Kind string

// The kinds of events.
const (
	EventSigned    Kind = "signed"    // one signature was added
	EventNotSigned Kind = "notsigned" // a message of ours has no rule or no usable key
	EventVerified  Kind = "verified"  // one signature, or none, was verified
	EventForged    Kind = "forged"    // one Authentication-Results field was removed
)

// Event is something to count. Kind, Status and Class have few values and can
// be labels; Domain has as many as mail has domains, and cannot.
type Event struct {
	Kind   Kind
	Status Status // of EventVerified
	Class  Class  // of EventSigned and EventVerified
	Domain string // the signing domain
}

func classOf(d string, fields []Field) Class {
	switch {
	case d == "":
		return ClassNone
	case speaksFor(d, authorDomains(fields)):
		return ClassAuthor
	default:
		return ClassThirdParty
	}
}
