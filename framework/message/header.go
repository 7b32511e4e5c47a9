package message

import "strings"

// The longest name and value of a header field that a milter can send, in bytes. A
// name must fit on a line (RFC 5322 section 2.1.1), both together into a packet of
// the milter protocol.
const (
	MaxHeaderName  = 900
	MaxHeaderValue = 65000 - MaxHeaderName
)

// CleanHeaderValue returns value as a header field can hold it: a NUL or a CR
// without LF becomes a space, a line that would not continue the field begins with
// a space, an empty line is dropped, and what exceeds [MaxHeaderValue] is cut. Lines
// are separated by LF. Use it for values that contain text of the mail, such as a
// Subject with a tag before it, so that odd mail causes no error.
func CleanHeaderValue(value string) string {
	value = strings.ReplaceAll(value, "\r\n", "\n")
	value = strings.NewReplacer("\r", " ", "\x00", " ").Replace(value)
	lines := strings.Split(value, "\n")
	kept := lines[:1]
	for _, line := range lines[1:] {
		switch {
		case strings.Trim(line, " \t") == "": // an empty line would end the header
		case line[0] == ' ' || line[0] == '\t':
			kept = append(kept, line)
		default:
			kept = append(kept, " "+line)
		}
	}
	value = strings.Join(kept, "\n")
	if len(value) > MaxHeaderValue {
		value = strings.TrimRight(value[:MaxHeaderValue], "\n")
	}
	return value
}
