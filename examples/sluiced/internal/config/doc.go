// Package config reads the configuration file of sluiced and makes the filters that it
// describes. The daemon and its command check-message use it, so that both do the same.
//
// [Load] reads a file and checks all of it. [Settings.Build] makes [Filters], which are mounted
// on a router as one filter. They mount the middleware and the filters of the file in their
// order. [Filters.Reload] applies another file to filters that serve, as a whole or not at all.
package config
