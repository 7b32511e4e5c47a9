// Package integration holds tests alone: filters written on the public API,
// served in the test's own process, behind a real Postfix and a real Sendmail.
// Each scenario runs on both, and what arrives is compared with what the filter
// asked for, worked out by a model of the test's own.
//
// The tests have the build tag "integration" and need what
// [github.com/sluicemail/sluice/framework/miltertest/realmta] needs:
//
//	go test -tags integration ./framework/integration
//
// TestEdits draws its messages anew each time and prints its seed. SLUICE_SEED
// repeats a run, SLUICE_CASES sets how many messages each server gets. The
// tables below testdata are written with -update.
package integration
