//go:build !integration

package docs_test

// installed is the software besides Go that the pages may use. It is empty,
// because unit tests need only Go.
func installed() []string { return nil }
