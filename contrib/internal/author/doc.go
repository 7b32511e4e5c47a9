// Package author finds the author in a From field that breaks the grammar of RFC 5322, if all
// readers of the message find the same one. Filters that rely on the author have one rule for it.
package author
