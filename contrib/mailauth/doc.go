// Package mailauth authenticates mail: it composes the filters of contrib/spf, contrib/dkim,
// contrib/arc and contrib/dmarc, so that each message is checked in one pass, with one resolver,
// one deadline, one Authentication-Results field and one log line.
//
//	dns, err := resolver.New(resolver.Config{})
//	…
//	auth, err := mailauth.New(mailauth.Config{
//		Resolver: dns,
//		DMARC:    dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject, PermError: dmarc.Reject, TempError: dmarc.TempFail}},
//	})
//	…
//	auth.Mount(router)
//
// Without policies it refuses nothing and writes the results. What it found out about a message
// is a [Summary]: for metrics, and for other filters.
//
// The manual is README.md.
package mailauth
