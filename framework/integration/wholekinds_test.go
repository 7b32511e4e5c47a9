//go:build integration

package integration_test

import (
	"regexp"
	"slices"
	"strings"
)

// difference is a kind of difference between what a filter reads and what the server
// delivers without a filter. even evens it out in both messages.
type difference struct {
	name string
	even func(read, delivered string) (string, string)
}

// differences returns the kinds that docs/howto/rewrite-a-body-in-a-stream.md lists for an
// MTA.
func differences(mta string) []difference {
	if mta == "postfix" {
		return []difference{
			{"a message that ends in its header", func(read, delivered string) (string, string) {
				if !strings.Contains("\r\n"+delivered, "\r\n\r\n") {
					delivered += "\r\n"
				}
				return read, delivered
			}},
			{"a field of more than 60,000 bytes", func(read, delivered string) (string, string) {
				return read, eachField(delivered, func(name, field string) string {
					if len(field) > 60_000+len("\r\n") {
						field = field[:60_000] + "\r\n"
					}
					return field
				})
			}},
		}
	}
	return []difference{
		{"removed and emptied fields", func(read, delivered string) (string, string) {
			return eachField(read, withoutRemoved), eachField(delivered, withoutRemoved)
		}},
		{"fields with addresses", func(read, delivered string) (string, string) {
			return eachField(read, lettersOfAddresses), eachField(delivered, lettersOfAddresses)
		}},
		{"the parts of a multipart", func(read, delivered string) (string, string) {
			header, body, _ := strings.Cut(read, "\r\n\r\n")
			other, deliveredBody, _ := strings.Cut(delivered, "\r\n\r\n")
			if header != other || !multipart.MatchString(header) || !sameParts(body, deliveredBody) {
				return read, delivered
			}
			return header, header
		}},
		{"a line of a field of more than 2,303 bytes", func(read, delivered string) (string, string) {
			return eachField(read, shortLines), delivered
		}},
	}
}

var multipart = regexp.MustCompile(`(?im)^content-type: *multipart/`)

// sameParts reports whether the parts of two bodies have the same lines, but for one of the
// header of a nested message.
func sameParts(read, delivered string) bool {
	a, b := partLines(read), partLines(delivered)
	if len(a) > len(b)+1 {
		return false
	}
	for _, line := range a {
		if len(b) > 0 && line == b[0] {
			b = b[1:]
		}
	}
	return len(b) == 0
}

// partLines returns the lines of a body that are neither empty nor a boundary, nor name one.
func partLines(body string) []string {
	return slices.DeleteFunc(strings.Split(body, "\r\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "--") || strings.Contains(line, "boundary=")
	})
}

// eachField passes each field of a header, including its line end, through a function.
func eachField(message string, change func(name, field string) string) string {
	var out strings.Builder
	for message != "" && !strings.HasPrefix(message, "\r\n") {
		end := fieldEnd(message)
		name, _, _ := strings.Cut(message[:end], ":")
		out.WriteString(change(strings.ToLower(name), message[:end]))
		message = message[end:]
	}
	return out.String() + message
}

// fieldEnd returns the length of the first field.
func fieldEnd(message string) int {
	end := 0
	for {
		line := strings.Index(message[end:], "\r\n")
		if line < 0 {
			return len(message)
		}
		end += line + len("\r\n")
		if end == len(message) || message[end] != ' ' && message[end] != '\t' {
			return end
		}
	}
}

func withoutRemoved(name, field string) string {
	if slices.Contains([]string{"return-path", "content-length", "bcc", "resent-bcc"}, name) {
		return ""
	}
	return field
}

var noLetters = regexp.MustCompile(`[^0-9A-Za-z\x80-\xff]+`)

// lettersOfAddresses keeps the letters and digits of a field that has addresses.
func lettersOfAddresses(name, field string) string {
	names := []string{
		"from", "sender", "reply-to", "to", "cc", "apparently-to", "errors-to", "disposition-notification-to",
		"resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc",
	}
	if slices.Contains(names, name) {
		return noLetters.ReplaceAllString(field, "") + "\r\n"
	}
	return field
}

func shortLines(_, field string) string {
	const most = 2303
	lines := strings.SplitAfter(field, "\r\n")
	for i, line := range lines {
		if len(line) > most+len("\r\n") {
			lines[i] = line[:most] + "\r\n"
		}
	}
	return strings.Join(lines, "")
}
