// Package recorder is a filter for tests that compare what different mail servers show a
// filter.
package recorder
