// Package fxcli is what the examples that are fx applications share. It is apart
// from package cli so that the smaller ones do without fx.
package fxcli
