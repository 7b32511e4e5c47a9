// Package browser tests the page of package inspect in a real browser. It is a module apart, so
// that the library that drives the browser never enters the module of the framework.
//
// The tests need Debian's chromium-headless-shell. SLUICE_SCREENSHOTS names a folder for the
// pictures that they take.
package browser
