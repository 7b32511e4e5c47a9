// Package matrix shows that filters compose: its tests mount each filter of contrib and of
// the examples before and behind each other.
//
// Mounted beside another, a filter must have the same results as alone: the fields that it
// adds, changes and removes, the envelope, the body, its replies and its log. Some filters are
// meant to change what others see. The list in exceptions_test.go names each such pair with
// the reason, and a pair that needs no exception must not be in it.
//
// A new filter gets an entry in filters_test.go. The test then says which pairs differ.
package matrix
