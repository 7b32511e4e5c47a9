// Package monitor is what headerd and dkimd show of themselves, at an address of
// its own: figures for Prometheus, and the probes /healthz and /readyz. It is a part
// of an fx application, as package fxcli is, and apart from it for the sake of
// what it imports.
package monitor
