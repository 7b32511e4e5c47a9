package dkim

import (
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Status is the result of a verification, as defined in RFC 8601 section 2.7.1.
type Status string

// Values of Status.
const (
	StatusNone      Status = "none"      // the message has no signature
	StatusPass      Status = "pass"      // the signature is valid
	StatusFail      Status = "fail"      // the signature is not valid
	StatusPolicy    Status = "policy"    // the configuration does not accept this kind of signature
	StatusNeutral   Status = "neutral"   // the signature is malformed, cannot be judged, or is not valid and the domain is testing
	StatusTempError Status = "temperror" // the key cannot be looked up now
	StatusPermError Status = "permerror" // the key is missing or unusable
)

// Result is the result for one signature. Its strings are safe to display: they
// are checked values or texts of this package.
type Result struct {
	Status Status
	// Reason explains a status other than pass, or adds a remark to a pass.
	Reason string
	// Domain, Selector and AUID are the tags d=, s= and i=. A malformed or
	// missing tag is "".
	Domain, Selector, AUID string
	// Algorithm is the tag a=, such as "rsa-sha256".
	Algorithm string
	// Bits is the size of the key, or 0 if no key was found.
	Bits int
	// Signature is the beginning of the tag b=. It distinguishes
	// signatures.
	Signature string
	// Headers are the names of the signed header fields.
	Headers []string
	// Testing reports whether the domain is testing DKIM.
	Testing bool
	// Time and Expires are the tags t= and x=, or zero.
	Time, Expires time.Time
}

// resultsKey is the key of the results of a message among the values of its context.
type resultsKey struct{}

// ResultsOf returns the results of a message, for a filter that is mounted behind this one in
// the same router and needs them at the end of the message. It returns false before the filter
// has done its work, for a message that the filter signs instead, and if no such filter is
// mounted. If several are, the results are those of the last that verified. The slice must not
// be modified.
func ResultsOf(s *framework.Session) ([]Result, bool) {
	results, ok := s.ContextValue(resultsKey{}).([]Result)
	return results, ok
}

// Class classifies signing domains for metrics.
type Class string

// Values of Class.
const (
	ClassAuthor     Class = "author"      // the domain of the From field, or a domain above it
	ClassThirdParty Class = "third party" // another domain
	ClassNone       Class = "none"        // no signature, or no valid domain in it
)

// Kind is the kind of an [Event].
type Kind string

// Values of Kind.
const (
	EventSigned    Kind = "signed"    // a signature was added
	EventNotSigned Kind = "notsigned" // a message that Trust admits has no rule or no usable key, or the MTA does not let the filter sign
	EventVerified  Kind = "verified"  // a signature was verified, or a message has no signature
	EventForged    Kind = "forged"    // an Authentication-Results field was removed
)

// Event is an event for metrics. Kind, Status and Class have few values and are
// suitable as metric labels. Domain is not suitable, because it can have any
// number of values.
type Event struct {
	Kind   Kind
	Status Status // of EventVerified
	Class  Class  // of EventSigned and EventVerified
	Domain string // the signing domain
}

func classOf(d string, fields []Field) Class {
	if d == "" {
		return ClassNone
	}
	signer := signerSet{strings.ToLower(d): false}
	if signer.markAuthors(fields); signer[strings.ToLower(d)] {
		return ClassAuthor
	}
	return ClassThirdParty
}
