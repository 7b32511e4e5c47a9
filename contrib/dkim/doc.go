// Package dkim signs mail with DKIM and verifies it: RFC 6376, with Ed25519 as
// RFC 8463 has it, the restrictions of RFC 8301, and results in
// Authentication-Results fields as RFC 8601 describes them.
//
// [New] makes a filter that decides for each message: what an authenticated
// client, a trusted network or this host submits is signed if a rule has a key
// for its author; all else is verified. [NewSigner] and [NewVerifier] do one of
// the two. Each asks the MTA for the least that it needs, and waits for the end
// of the message alone; a body is read once and not kept.
//
//	key, err := dkim.LoadKey("/etc/mail/example.org.pem")
//	…
//	filter, err := dkim.New(dkim.Config{
//		Signing: dkim.Signing{Rules: []dkim.Rule{{
//			Senders: []string{"example.org", ".example.org"},
//			Keys:    []dkim.Key{{Domain: "example.org", Selector: "s1", Signer: key}},
//		}}},
//		Verifying: dkim.Verifying{Resolver: dkim.NewCache(net.DefaultResolver, dkim.CacheConfig{})},
//	})
//	…
//	router.Mount(filter)
//
// A signer covers the message as the filters mounted before it leave it: mount
// it last. [Filter.Reload] changes the configuration while mail flows.
//
// [Sign] and [Verify] do the same with a message from a file.
//
// README.md is the manual.
package dkim
