// Package integration contains only tests. They run filters on the public API
// in the test's process, behind a real Postfix and a real Sendmail. Each
// scenario runs on both MTAs. The tests compare the delivered message with the
// result of a simple model.
//
// The tests have the build tag "integration" and the requirements of package
// [github.com/sluicemail/sluice/framework/miltertest/realmta]:
//
//	go test -tags integration ./framework/integration
//
// TestEdits generates different messages in each run and logs its seed.
// SLUICE_SEED repeats a run, and SLUICE_CASES sets the number of messages for
// each server. The flag -update rewrites the tables in testdata: replies.md with
// the servers of Debian 12, and with others the rows that differ, in a table of
// that version.
package integration
