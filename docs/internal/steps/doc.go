// Steps follows the instructions of a documentation page in a separate
// directory. It fails if a result differs from the page:
//
//	go run ./docs/internal/steps [-with Postfix] docs/tutorial/README.md DIR
//
// DIR contains the repository under the name sluice. If it does not, steps
// creates that name as a link to the working directory. The flag -with lists
// the software that is available besides Go, separated by commas. Steps that
// need other software are skipped.
package main
