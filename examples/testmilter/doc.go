// Testmilter is a filter for tests. It does what its flags say and prints every
// event that it receives. It is the test filter in Postfix's sources
// (src/milter/test-milter), written with Sluice.
//
//	testmilter -p inet:9000@127.0.0.1 -c rcpt -a '550 5.7.1 not here'
//
// See README.md.
package main
