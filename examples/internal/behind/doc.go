// Package behind says what becomes of filters behind a mail server, before any mail does:
// what the server does not grant, what it never sends, and what it does with some answers.
//
// [Servers] is the table of what is known. The page docs/mtas.md has the same facts in the same
// words, and a test compares both.
package behind
