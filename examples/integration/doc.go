// Package integration has tests that build the example filters and run them
// behind a real Postfix. The tests need the build tag integration.
package integration
