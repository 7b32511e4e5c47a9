// Package spf checks whether a client may send mail for the domain of the envelope sender and
// for the name in HELO (Sender Policy Framework, RFC 7208).
//
// [New] returns a filter. It begins the lookups at MAIL, beside the session, and needs their
// results at the end of the message. No other stage waits for it. It writes the results into
// the Authentication-Results field (RFC 8601), and refuses the message if a [Policy] says so.
// Without a policy it refuses nothing.
//
//	dns, err := resolver.New(resolver.Config{})
//	…
//	filter, err := spf.New(spf.Config{
//		Resolver: dns,
//		MailFrom: spf.Policy{Fail: spf.Reject, TempError: spf.TempFail},
//	})
//	…
//	router.Mount(filter)
//
// A filter that is mounted behind it gets the results from [ResultsOf].
//
// [Check] checks a message without an MTA, and [CheckRecord] finds mistakes in a record.
//
// The manual is README.md.
package spf
