package middleware

import (
	"strings"

	"github.com/sluicemail/sluice/framework/printable"
)

// Printable returns a value in a form that is safe for any terminal and that can
// be converted back. It escapes control characters, invisible characters, and
// bytes that are not UTF-8 as in a Go string literal, for example \r, \x1b or
// \u202e, and doubles backslashes. It replaces the bytes after the first limit
// bytes by their number. Package printable says which characters these are.
//
// A session's logger escapes the same characters, but does not double
// backslashes.
func Printable(value string, limit int) string {
	if !strings.Contains(value, `\`) {
		return printable.Short(value, limit)
	}
	head, rest := printable.Cut(value, limit)
	// Text leaves backslashes as they are.
	return printable.More(printable.Text(strings.ReplaceAll(head, `\`, `\\`)), rest)
}
