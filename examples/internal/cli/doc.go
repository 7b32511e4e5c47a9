// Package cli is the command line that the example filters share: the flags,
// the log, the plan on request, and serving until a signal.
//
// A filter's main is one call:
//
//	func main() {
//		cli.Main(cli.Program{Name: "tagger", Summary: "Tags subjects.", Router: router})
//	}
//
// The exit status is 0 after a signal and for -help, -version and -explain, 1
// when the filter could not serve, and 2 for wrong arguments, with one line on
// standard error that says what is wrong. The log goes to standard error.
//
// Programs that are no [Program], such as the fx applications, which stand on
// package fxcli, take the pieces: [Common], [Complain], [PrintFlags], [Explain].
package cli
