// Package integration tries the example filters, built and run as their users
// run them, behind a real Postfix. It has nothing but tests, which need the
// build tag integration.
package integration
