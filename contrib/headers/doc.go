// Package headers provides a filter that edits header fields and rejects or
// quarantines messages. Its rules are written in Go or in YAML.
//
// A [Rule] has a condition and actions. The filter applies the rules in order
// at the end of the message. Each rule sees the header with the changes of the
// rules before it. The filter asks the MTA only for what its rules use: if all
// rules only add fields, the MTA sends neither header nor body.
//
//	filter, err := headers.New(headers.Config{Rules: []headers.Rule{{
//		When: headers.Not{Condition: headers.Client{Networks: []string{"10.0.0.0/8"}}},
//		Do:   []headers.Action{headers.Prefix{Name: "Subject", Text: "[ext] "}},
//	}}})
//
// [Load] reads the same configuration from a file. New and Load check the whole
// configuration and report all mistakes at once. A mistake in a file is
// reported with its line and column.
//
// # Values
//
// Values are templates in the syntax of text/template. They can use these facts
// about the session and the message:
//
//	{{ .Client.Addr }} {{ .Client.Name }} {{ .Client.Port }} the SMTP client
//	{{ .Helo }} {{ .Auth }}                                  HELO name and login
//	{{ .Sender }} {{ .Recipients }}                          the envelope
//	{{ .ShownRecipients }}                                   those that the header shows
//	{{ .Address "From" }} {{ .Domain "From" }}               the only address in the only field
//	{{ .QueueID }} {{ .Macro "daemon_name" }}                macros
//	{{ .Date }} {{ .Size }} {{ .Rule }}                      now, size in bytes, rule
//	{{ .Time "compact" }}                                    also rfc3339 and unix
//	{{ .Unique }}                                            26 characters, unique
//	{{ .Value }}                                             the value of the field
//	{{ .Match 0 }} {{ .Match 1 }} {{ .Group "name" }}        groups of the last match
//
// .Recipients and .ShownRecipients are joined by ", ". .Date is in the form of RFC 5322,
// and .Time in UTC. .Value is for actions that change a field. A group must be in a
// pattern of the rule that can have matched: otherwise it is an error.
//
// They can also use if/else, and, or, not, eq, ne, lower, upper, domain, domains,
// local, and default, as in {{ .Auth | default "nobody" }}. Everything else, such as
// range, is an error. A fact that is missing is the empty string.
//
// The output of a template becomes one line. Each run of control characters
// other than tabs (CR, LF and NUL included) becomes one space. Spaces at both
// ends are removed, and the output is truncated to 60,000 bytes. The filter
// then folds the line at spaces so that lines have at most 78 columns. It
// breaks a word only if the word is longer than the limit of 998. When it
// folds, more than 78 spaces in a row become one space.
//
// # Names
//
// A name that ends in a hyphen and a *, such as X-Spam-*, is a family. It means all fields
// whose name begins so. Conditions and actions that select fields take families. Names are
// compared as ASCII, without case.
//
// # Addresses
//
// [Addresses] is a condition on the addresses in a field, however they are written.
// [Equal] compares facts, such as the address in From with the login. Both compare
// domains in ASCII and without case, as [Sender] and [Recipient] do.
//
// # Parts
//
// [Part] is a condition on the file names and types of the MIME parts of a message, and
// [UnreadableParts] holds if mail readers may see other parts than the filter does. Rules
// that refuse attachments need both. The body is looked at while it arrives, and is not
// kept.
//
// # Patterns
//
// Patterns are regular expressions of package regexp, which match in time
// linear in the length of the text. A pattern matches anywhere in the text
// unless it is anchored. It is matched against the unfolded header value
// without spaces at its ends.
package headers
