// Package message is about what mail is made of, without a session: so far the
// text of header fields. It imports nothing of the framework.
package message
