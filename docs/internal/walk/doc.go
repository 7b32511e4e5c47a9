// Package walk follows the instructions of a documentation page. It saves the
// files that the page shows, in order, runs the commands, and compares their
// output with the page.
//
// A block is saved to a file if the line before it ends with the name of the
// file and a colon. The reader of the page sees both:
//
//	Save this as `main.go`:
//
// A block of the language console is run. Lines that begin with "$ " are
// commands. The lines after a command, up to the next one, are its expected
// output. In the output, "…" matches any text within a line. On a line by
// itself, it matches any number of lines. Runs of blanks match each other. If
// the page shows no output, the command may print anything.
//
// An HTML comment directly before a block changes how the block is treated. The
// first four may be combined, separated by commas:
//
//	<!-- terminal NAME -->    the command keeps running until the next block of
//	                          the same terminal or the end of the page
//	<!-- with Postfix -->     the block is run only if Options.With lists Postfix
//	<!-- in the repository --> the block is run in the repository's directory
//	<!-- fails -->            the last command's exit status is not 0
//	<!-- not run: REASON -->  the block is never run
//	<!-- same as FILE -->     the block is a copy of a file of the repository
package walk
