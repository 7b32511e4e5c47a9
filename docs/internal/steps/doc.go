// Steps does what a page of the documentation tells its reader to do, in a
// directory of its own, and fails where something else happens than the page
// shows:
//
//	go run ./docs/internal/steps [-with Postfix] docs/tutorial/README.md DIR
//
// DIR holds the repository as sluice; where it is not there, it is linked from
// the working directory. -with says what is there besides Go, separated by commas:
// the steps that need something else are left out.
package main
