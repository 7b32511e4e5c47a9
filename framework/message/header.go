package message

import "strings"

// The longest name and value of a header field that a milter can send, in bytes. A
// name must fit on a line (RFC 5322 section 2.1.1). Name and value together must
// fit in a packet of the milter protocol.
const (
	MaxHeaderName  = 900
	MaxHeaderValue = 65000 - MaxHeaderName
)

// CleanHeaderValue returns value in a form that a header field can have. It replaces
// a NUL, and a CR without LF, by a space. It adds a space before a line that would
// not continue the field, drops empty lines, and cuts the value to [MaxHeaderValue]
// bytes. Lines of the result are separated by LF. Use it for values that contain
// text from the mail, such as a Subject with a tag before it, so that malformed mail
// causes no error.
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
