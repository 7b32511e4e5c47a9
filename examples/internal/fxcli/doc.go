// Package fxcli is the command line of the examples that are fx applications: the
// flags of package cli with any number of addresses and a drain, and an
// application that fx starts and stops in place of cli's Program.
//
//	app, err := fxcli.New(Application(settings, flags.Logger(stderr)))
//	…
//	status, err := fxcli.Run(app)
//
// It is apart from package cli so that the smaller examples do without fx.
package fxcli
