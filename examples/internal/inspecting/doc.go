// Package inspecting serves the page of framework/inspect for the example programs: the
// flag -inspect, the settings behind it, and an HTTP server that starts and stops with the
// program. It does not depend on fx or YAML: packages fxcli and inspectfile add these.
package inspecting
