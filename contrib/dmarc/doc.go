// Package dmarc evaluates DMARC (RFC 9989) from the From field of a message and the results of
// SPF and DKIM.
//
//	result := dmarc.Evaluate(ctx, dns, dmarc.Input{
//		From: []string{"Ann <ann@example.org>"},
//		SPF:  []dmarc.SPF{{Result: "pass", Domain: "bounce.example.org"}},
//		DKIM: []dmarc.DKIM{{Result: "pass", Domain: "example.org", Selector: "s1"}},
//	})
//	fmt.Println(result.Status, result.Policy, result.Reasons[0])
//
// [Evaluate] finds the record that applies to the author domain and the organizational domains
// by tree walks, without a list of public suffixes. Its [Result] has the policy, the domains that
// are aligned, the queries, and sentences that explain the result to a postmaster.
// [Result.AuthRes] is the result for an Authentication-Results field.
//
// [Discover] answers what the DNS says about a domain, without a message. [ParseRecord] parses a
// record.
//
// The rules and limits are in README.md.
package dmarc
