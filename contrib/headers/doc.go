// Package headers is a filter that edits header fields, and refuses or holds
// messages, by rules: in Go, or in YAML.
//
// A [Rule] has conditions and actions. Rules are tried in order, at the end of
// the message, and each sees the header as those before it left it. What a
// configuration does not use is not asked of the MTA: rules that only add
// fields see neither header nor body.
//
//	filter, err := headers.New(headers.Config{Rules: []headers.Rule{{
//		When: headers.Not{Condition: headers.Client{Networks: []string{"10.0.0.0/8"}}},
//		Do:   []headers.Action{headers.Prefix{Name: "Subject", Text: "[ext] "}},
//	}}})
//
// [Load] reads the same from a file. [New] and Load check everything at
// startup, and report all mistakes at once, those of a file with line and
// column.
//
// # Values
//
// Values are templates in the syntax of text/template, with the facts of the
// session:
//
//	{{ .Client.Addr }} {{ .Client.Name }} {{ .Client.Port }}   the SMTP client
//	{{ .Helo }} {{ .Auth }}                                    its name for itself, its login
//	{{ .Sender }} {{ .Recipients }}                            the envelope, recipients joined by ", "
//	{{ .QueueID }} {{ .Macro "daemon_name" }}                  macros of the MTA
//	{{ .Date }} {{ .Size }} {{ .Rule }}                        now (RFC 5322), bytes so far, the rule's name
//	{{ .Value }}                                               the field's present value, of one that is edited
//	{{ .Match 0 }} {{ .Match 1 }} {{ .Group "name" }}          what the last pattern found
//
// and if/else, and, or, not, eq, ne, lower, upper, and default: {{ .Auth |
// default "nobody" }}. There is nothing else, loops least of all. A fact that
// is missing is empty.
//
// What a template makes is one line before it is folded: each run of control
// characters in it but tabs, so of CR, LF and NUL, is one space, and spaces at both
// ends are cut off. It is cut at 60,000 bytes, and folded at 78 columns where
// it has spaces, and within a word where that is longer than 998; more than 78
// spaces in a row are one then.
//
// # Patterns
//
// Patterns are regular expressions of package regexp, whose time is linear in
// the length of the text. They match anywhere unless they are anchored, and
// see a header value unfolded and without spaces at its ends.
package headers
