//go:build integration

package docs_test

// installed is the software besides Go that the pages may use.
func installed() []string { return []string{"Postfix", "Redis", "Python", "curl"} }
