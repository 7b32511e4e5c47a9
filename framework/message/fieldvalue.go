package message

import "strings"

// The longest name and value of a header field that a milter can send, in bytes. A
// name must fit on a line (RFC 5322 section 2.1.1). Name and value together must
// fit in a packet of the milter protocol.
const (
	MaxFieldName  = 900
	MaxFieldValue = 65000 - MaxFieldName
)

// FieldValueProblem returns why a header field cannot have the value, or "" if it can. The
// value may be folded: lines are separated by LF or CRLF, and every line but the first
// begins with a space or a tab and contains something else. RFC 5322 section 4.2 forbids
// sending a line of white space alone, because some software takes it for the end of the
// header. Otherwise the value contains neither NUL nor CR, and at most [MaxFieldValue]
// bytes.
func FieldValueProblem(value string) string {
	if len(value) > MaxFieldValue {
		return "is longer than 64100 bytes"
	}
	if !strings.ContainsAny(value, "\r\n\x00") {
		return ""
	}
	value = strings.ReplaceAll(value, "\r\n", "\n")
	if strings.ContainsAny(value, "\r\x00") {
		return "contains NUL, or CR without LF"
	}
	for _, line := range strings.Split(value, "\n")[1:] {
		switch {
		case isBlank(line):
			return "has an empty line or a line of white space alone"
		case !continues(line):
			return "has a line that does not begin with a space or a tab"
		}
	}
	return ""
}

// isBlank reports whether a line is empty or consists of white space.
func isBlank(line string) bool { return strings.Trim(line, " \t") == "" }

// continues reports whether a line continues a field.
func continues(line string) bool { return line[0] == ' ' || line[0] == '\t' }

// CleanFieldValue returns value in a form in which [FieldValueProblem] finds no fault. It
// replaces a NUL, and a CR without LF, by a space. It adds a space before a line that would
// not continue the field, drops empty lines and lines of white space alone, and cuts the
// value to [MaxFieldValue] bytes. Lines of the result are separated by LF. Use it for
// values that contain text from the mail, such as a Subject with a tag before it, so that
// malformed mail causes no error.
func CleanFieldValue(value string) string {
	value = strings.ReplaceAll(value, "\r\n", "\n")
	value = strings.NewReplacer("\r", " ", "\x00", " ").Replace(value)
	lines := strings.Split(value, "\n")
	kept := lines[:1]
	for _, line := range lines[1:] {
		switch {
		case isBlank(line):
		case continues(line):
			kept = append(kept, line)
		default:
			kept = append(kept, " "+line)
		}
	}
	value = strings.Join(kept, "\n")
	if len(value) <= MaxFieldValue {
		return value
	}
	value = value[:MaxFieldValue]
	if at := strings.LastIndexByte(value, '\n'); at >= 0 && isBlank(value[at+1:]) {
		value = value[:at] // the cut left a blank line
	}
	return value
}
