// Package counts lets tests report how much they did, so that a run of many
// packages can print the totals. The package exists because go test does not
// print the logs of tests that pass.
//
// If the environment variable SLUICE_COUNTS names a file, each count is
// appended to it as one line. "make integration" runs .ci/integration, which
// adds up the counts and prints them.
package counts
