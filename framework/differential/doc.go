// Package differential compares a filter of this framework with one on
// libmilter that has the same orders: examples/testmilter with the filter in
// testdata. It has nothing but tests, which need the build tag integration, a C
// compiler and libmilter-dev.
//
// Orders and mail are generated, from -seed. Each scenario is played to both
// filters by the model of an MTA in wire/mta, and some by a real Postfix and a
// real Sendmail. What the two filters cause must be the same, or explained by
// the table of known differences, which docs/protocol.md repeats with its
// reasons.
package differential
