// Package counts lets tests say how much they did, so that a run of many
// packages can show it: go test keeps to itself what a test logs that passes.
//
// Where the environment variable SLUICE_COUNTS names a file, counts are added to
// it, a line for each. .ci/integration, which "make integration" runs, sums them
// up and prints them.
package counts
