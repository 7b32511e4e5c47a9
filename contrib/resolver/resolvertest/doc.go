// Package resolvertest gives tests a DNS: a zone in the form of master files (RFC 1035
// section 5), and names that fail.
//
//	dns := resolvertest.New(t, `
//		example.org.        TXT  "v=spf1 mx -all"
//		example.org.        MX   10 mx.example.org.
//		mx.example.org.     A    192.0.2.1
//	`, resolvertest.Fail("broken.example"), resolvertest.Silent("slow.example"))
//
// [New] returns a [resolver.Resolver] that reads the zone without a network, so that it works
// within [testing/synctest]. [Listen] serves a zone on the loopback interface, for programs
// that run as a process, and for other libraries.
//
// White space before a line means nothing, unlike in a file: each line has its name.
//
// A name that has no records and none below it does not exist. A name that exists has no
// data of the types that the zone does not list. CNAME records are followed within the zone.
// There are no wildcards and no delegations: the zone is all that the DNS has.
package resolvertest
