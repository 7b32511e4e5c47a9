// Package resolver looks up what mail authentication needs in the DNS: TXT, A,
// AAAA, MX and PTR records. One [Resolver] serves all filters of a program.
//
//	dns, err := resolver.New(resolver.Config{})
//	…
//	texts, err := dns.LookupTXT(ctx, "s1._domainkey.example.org")
//	if errors.Is(err, resolver.ErrNXDomain) {
//		…
//	}
//
// A Resolver queries recursive name servers, such as those of /etc/resolv.conf.
// It differs from [net.Resolver] in these points:
//
//   - It tells a name that does not exist ([ErrNXDomain]) from a name without
//     records of the type ([ErrNoData]).
//   - It caches answers for the time that their TTLs allow, also those that
//     nothing exists (RFC 2308). The cache is bounded in bytes and names.
//   - The number of lookups at the same time is bounded, and so are goroutines and
//     descriptors. Concurrent lookups of the same name and type share one. Names
//     that are not answered do not take the places of others.
//   - A [Budget] bounds the lookups for one message.
//   - Answers are checked and bounded: see [ErrServer] and [ErrTooLarge].
//
// Libraries that are written for net.Resolver get a view with its methods and errors from
// [Resolver.Net]. Tests get a resolver for a zone from package resolvertest.
//
// The rules and limits are in README.md.
package resolver
