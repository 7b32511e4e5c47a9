// Package walk does what a page of the documentation tells its reader to do: it
// saves the files that the page shows, in order, runs the commands that it
// shows, and compares what they print with what the page shows.
//
// A block is saved where the line before it ends in the name of a file and a
// colon, both visible to the reader:
//
//	Save this as `main.go`:
//
// A block of the language console is run: lines that begin with "$ " are
// commands, and the lines up to the next one are what it prints. In those, "…"
// stands for anything within a line, and on a line of its own for any number of
// lines; runs of blanks count as one. A command that shows nothing may print
// anything.
//
// An HTML comment right before a block says where it is special. The first four
// may stand together, separated by commas:
//
//	<!-- terminal NAME -->    the command goes on until the next block of the
//	                          same terminal, or the end of the page
//	<!-- with Postfix -->     is run only where Options.With has it
//	<!-- in the repository --> is run there, and not where the reader is
//	<!-- fails -->            the last command's exit status is not 0
//	<!-- not run: REASON -->  is never run
//	<!-- same as FILE -->     a copy of a file of the repository
package walk
