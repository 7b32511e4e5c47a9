package dkim

import "context"

// Resolver looks up the TXT records of a name and joins the strings of each
// record. If there are no records, the error is a *[net.DNSError] with IsNotFound
// set. Any other error means that the lookup failed and may be repeated later.
//
// The name is complete and ends in a dot, such as "s1._domainkey.example.org.": an
// implementation that looks it up in a map removes the dot first. It is in lower case, with
// A-labels for labels that are not ASCII.
//
// The Resolver of package [github.com/sluicemail/sluice/contrib/resolver]
// implements it, and caches and bounds the lookups. [net.Resolver] implements it
// too.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}
