// Package dkim signs and verifies mail with DKIM (RFC 6376). It supports
// Ed25519 keys (RFC 8463), enforces the restrictions of RFC 8301 and reports
// results in Authentication-Results fields (RFC 8601).
//
// [New] returns a filter that signs or verifies each message. It signs a
// message that an authenticated client, a trusted network or this host submits,
// if a rule has a key for the author. It verifies all other messages.
// [NewSigner] returns a filter that only signs, and [NewVerifier] one that only
// verifies. A filter asks the MTA only for what it needs. The MTA waits for it
// only at the end of the message. The filter reads the body once and does not
// store it.
//
//	dns, err := resolver.New(resolver.Config{})
//	…
//	key, err := dkim.LoadKey("/etc/mail/example.org.pem")
//	…
//	filter, err := dkim.New(dkim.Config{
//		Signing: dkim.Signing{Rules: []dkim.Rule{{
//			Senders: []string{"example.org", ".example.org"},
//			Keys:    []dkim.Key{{Domain: "example.org", Selector: "s1", Signer: key}},
//		}}},
//		Verifying: dkim.Verifying{Resolver: dns},
//	})
//	…
//	router.Mount(filter)
//
// A signature covers the message with the changes of the filters mounted before
// the signer, so mount the signer last. [Filter.Reload] replaces the
// configuration while the filter serves. A filter that is mounted behind a
// verifier gets its results from [ResultsOf].
//
// [Sign] and [Verify] process a message from a reader, without an MTA.
//
// The manual is README.md.
package dkim
