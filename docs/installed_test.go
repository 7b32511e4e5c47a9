//go:build !integration

package docs_test

// installed is what the pages may use besides Go: nothing, for unit tests need
// nothing else.
func installed() []string { return nil }
