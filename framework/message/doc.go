// Package message contains functions for parts of a message that need no
// session. So far it prepares the values of header fields. It imports no other
// package of the framework.
package message
