// Package attack attacks the example filters with hostile sessions. The package
// contains only tests, which have the build tag integration.
//
// Each connection follows a script: a valid beginning of a session of random
// length, then a deviation such as a wrong length, a frame out of order or a
// peer that never reads, and then an end. The scripts run against logall,
// headerd, dkimd and testmilter as separate processes, over TCP and over unix
// sockets. Meanwhile a bystander, which is a correct MTA, must get the right
// answers from the same process. In the end the process must be alive, without a
// panic or a data race in its output, and with as many descriptors and
// goroutines as before. If it has metrics, they must count no other connection,
// and nothing kept.
//
// By default each run has other scripts and logs its seed. The flags repeat a
// run, or one connection of it, and set the number of connections:
//
//	go test -tags integration ./framework/attack -seed 7 -connections 150000
//	go test -tags integration ./framework/attack -seed 7 -only 1234 -run 'TestAttack/dkimd/tcp' -v
//
// "make attack CONNECTIONS=150000" does the former.
package attack
