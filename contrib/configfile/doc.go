// Package configfile reads the files that a filter's configuration names: the
// configuration itself, keys, and tables. A filter that reloads such files
// while it serves uses this package so that no file can stop it.
//
// [Read] accepts regular files only, and limits their size. Opening a named
// pipe or a device could block for ever, and its content differs at the next
// reload.
//
// Reading a regular file can block too, if it is on a network file system whose
// server does not answer. No system call gives up then. [Loader] runs the
// reading in a goroutine and gives up waiting for it, so that the program can
// go on with what it has, or stop.
//
// [Nearest] finds the setting that a misspelt one stands for.
//
// The package is public because filters outside this repository have the same
// problem.
package configfile
