// Testmilter does what its flags order, and prints what it is told: the test
// filter of Postfix's sources (src/milter/test-milter) on Sluice.
//
//	testmilter -p inet:9000@127.0.0.1 -c rcpt -a '550 5.7.1 not here'
//
// See README.md.
package main
