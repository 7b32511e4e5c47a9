// Package poison marks connections for the test kit: the session of a marked
// connection overwrites the bytes that it lent to a handler as soon as it takes them
// back, so that a test detects a handler that retained them.
package poison
