//go:build integration

package docs_test

// installed is what the pages may use besides Go.
func installed() []string { return []string{"Postfix", "Redis", "Python"} }
