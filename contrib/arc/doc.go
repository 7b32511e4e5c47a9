// Package arc verifies and seals the Authenticated Received Chain of mail (ARC, RFC 8617): what
// each host that passed a message on has found out about it.
//
// [NewVerifier] returns a filter that verifies the chain of each message, and writes the result
// into the Authentication-Results field. [NewSealer] returns a filter that adds the set of this
// host: the results of the filters mounted before it, a signature of the message, and the seal.
// Mount the verifier behind those that check SPF and DKIM, and the sealer last of all.
//
//	verifier, err := arc.NewVerifier(arc.VerifierConfig{Resolver: dns})
//	…
//	sealer, err := arc.NewSealer(arc.SealerConfig{Domain: "example.org", Selector: "arc", Signer: key})
//	…
//	router.Mount(verifier)
//	router.Mount(filters…)
//	router.Mount(sealer)
//
// A filter that is mounted behind the verifier gets the result from [ResultsOf]. A chain that
// passes proves who has sealed the message and that the newest sealer has sent it so. It does
// not prove that any of them is honest: that is for the policy of the receiver.
//
// [Verify] and [Seal] process a message from a reader, without an MTA.
//
// The manual is README.md.
package arc
