// Package cli is the command line that the example filters share: the flags,
// the log, -explain, and serving until a signal.
//
// The main function of a filter is one call:
//
//	func main() {
//		cli.Main(cli.Program{Name: "tagger", Summary: "Tags subjects.", Router: router})
//	}
//
// The exit status is 0 after a signal and for -help, -version and -explain, 1
// if the filter could not serve, and 2 for wrong arguments. An error is one line
// on standard error. The log goes to standard error too.
//
// Programs that do not fit [Program] use its parts: [Common], [Complain],
// [PrintHelp] and [Explain]. Package fxcli does so for fx applications.
package cli
