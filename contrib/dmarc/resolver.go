package dmarc

import (
	"context"
	"net/netip"
)

// Resolver looks up records, several at the same time. The Resolver of package
// [github.com/sluicemail/sluice/contrib/resolver] implements it, and caches and bounds the
// lookups.
//
// If a name does not exist, the error matches ErrNXDomain of that package, and if it has no
// records of the type, ErrNoData: DMARC needs the difference, which [net.Resolver] does not
// know. An error that matches ErrTooLarge or ErrName is permanent. Any other error means that
// a later lookup may succeed.
//
// The name is complete and ends in a dot. It is in lower case, with A-labels for labels that
// are not ASCII. LookupTXT joins the strings of each record.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupA(ctx context.Context, name string) ([]netip.Addr, error)
}
