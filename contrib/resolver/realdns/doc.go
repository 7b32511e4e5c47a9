// Package realdns runs a real name server for a test: the NSD of the system, with a zone that
// the test has written. Package resolvertest serves a zone without another program. A real
// server shows that a filter gets on with what its packets look like: compression, EDNS,
// truncation, and answers that nothing exists.
//
//	dns := realdns.Start(t, realdns.Zone{
//		Text: `example.org. TXT "v=spf1 mx -all"`,
//		Dead: []string{"broken.example"},
//	})
//	r, err := resolver.New(resolver.Config{Servers: []string{dns.Addr()}})
//
// The zone is that of the root, so the server has an authoritative answer for every name: a name
// that the zone does not have does not exist. The server listens on a free port of the loopback
// interface and ends with the test, also if the test is killed.
//
// Debian's package nsd must be installed. If it is missing, the test fails: a test that is
// skipped proves nothing. Put such tests behind a build tag.
package realdns
