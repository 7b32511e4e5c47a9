package dkim

import "context"

// Resolver looks up TXT records, the strings of each joined together, as
// [net.Resolver] does: an error that is a *net.DNSError with IsNotFound says
// that there are none, any other that it cannot be told now.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}
