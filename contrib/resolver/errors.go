package resolver

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// The kinds of errors of a lookup, for [errors.Is]. If the context of a lookup
// ends, the error is the cause of the context instead.
//
// An error of a lookup also contains a *[net.DNSError], for [errors.As]. For programs that
// use a type assertion instead, see [Resolver.Net].
// IsNotFound is set for ErrNXDomain, ErrNoData and ErrName. IsTemporary is set
// for ErrServer and ErrBusy.
var (
	// ErrNXDomain means that the name does not exist, and no name below it
	// (RFC 8020).
	ErrNXDomain = errors.New("no such name")
	// ErrNoData means that the name exists but has no records of the type.
	ErrNoData = errors.New("no records of this type")
	// ErrName means that the text is no name in the DNS. No server was
	// queried.
	ErrName = errors.New("not a DNS name")
	// ErrServer means that no server gave a usable answer in time. A later
	// lookup may succeed.
	ErrServer = errors.New("no usable answer")
	// ErrTooLarge means that the answer exceeds the limits of an answer: 256
	// records with 32 KiB of data, and 1,000 records in the packet. A later
	// lookup fails too, until the owner of the name changes the records.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrBusy means that as many lookups were waiting as Config.MaxWaiting
	// allows, that the lookup waited too long, or that it had no answer
	// after Config.GiveWay and others were waiting. A later lookup may
	// succeed.
	ErrBusy = errors.New("too many lookups at the same time")
	// ErrBudget means that the [Budget] of the context is used up.
	ErrBudget = errors.New("too many lookups for one message")
)

// failure is an error of a lookup.
type failure struct {
	kind   error // one of the kinds above
	record Type
	detail string // what happened, or ""
	dns    *net.DNSError
}

// newFailure returns the error of a lookup of a name. The detail says what
// happened, or is nil. Only its text is kept, because the cache keeps the error.
func newFailure(kind error, name string, t Type, detail error) *failure {
	f := &failure{kind: kind, record: t, dns: &net.DNSError{
		Err: kind.Error(), Name: name,
		IsNotFound:  slices.Contains([]error{ErrNXDomain, ErrNoData, ErrName}, kind),
		IsTemporary: slices.Contains([]error{ErrServer, ErrBusy}, kind),
	}}
	if detail != nil {
		text := strings.ReplaceAll(detail.Error(), "\n", "; ")
		f.detail = strings.Clone(text[:min(len(text), maxDetail)])
		f.dns.IsTimeout = isTimeout(detail)
	}
	return f
}

// maxDetail limits the text of an error in the cache, in bytes.
const maxDetail = 500

// Error implements error.
func (f *failure) Error() string {
	text := fmt.Sprintf("resolver: %s %s: %s", f.dns.Name, f.record, f.kind)
	if f.detail != "" {
		text += ": " + f.detail
	}
	return text
}

// Unwrap returns the errors that errors.Is and errors.As look at.
func (f *failure) Unwrap() []error { return []error{f.kind, f.dns} }
