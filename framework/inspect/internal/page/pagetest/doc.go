// Package pagetest has a Source for the tests and the pictures of the page: made-up records of
// every kind, hostile ones too.
package pagetest
