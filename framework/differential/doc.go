// Package differential compares a filter on this framework with a filter on
// libmilter. Both get the same orders: one is examples/testmilter and the other
// is in testdata. The package contains only tests. They need the build tag
// integration, a C compiler and libmilter-dev.
//
// The tests generate orders and mail from the flag -seed. The model of an MTA
// in wire/mta plays each scenario to both filters. A real Postfix and a real
// Sendmail play some of the scenarios. The two filters must have the same
// effects. The exceptions are in a table of known differences, and
// docs/protocol.md gives the reasons for them.
package differential
