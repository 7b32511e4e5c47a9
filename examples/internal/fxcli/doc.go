// Package fxcli is the command line that the fx applications among the examples
// share. A [Program] has the flags of package cli, takes any number of
// addresses, and waits for unfinished messages when it stops.
//
// The daemons with a configuration file, sluiced, dkimd and headerd, also share
// [FileFlags] and the fx options that [Daemon] returns.
//
// The package is separate from package cli so that the smaller examples do not
// depend on fx.
package fxcli
