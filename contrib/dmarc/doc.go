// Package dmarc applies the policies that domains publish for mail in their name (DMARC, RFC 9989).
//
// [New] returns a filter. It reads the From field, and what the filters of contrib/spf,
// contrib/dkim and contrib/arc, which are mounted before it, have found out. It writes the result
// into the Authentication-Results field (RFC 8601), and does what its [Actions] say: rejects,
// holds, marks or defers the message. Without actions it does nothing but write the result.
//
//	policy, err := dmarc.New(dmarc.Config{
//		Resolver: dns,
//		Actions:  dmarc.Actions{Reject: dmarc.Reject, TempError: dmarc.TempFail},
//	})
//	…
//	router.Mount(sender) // of contrib/spf
//	router.Mount(policy)
//
// A filter that is mounted behind it gets the outcome from [ResultsOf].
//
// [Evaluate] is the evaluation without an MTA. It finds the record that applies to the author
// domain and the organizational domains by tree walks, without a list of public suffixes. Its
// [Result] has the policy, the domains that are aligned, the queries, and sentences that explain
// the result to a postmaster.
//
// [Discover] answers what the DNS says about a domain, without a message. [ParseRecord] parses a
// record.
//
// The rules and limits are in README.md.
package dmarc
