package framework

import "strings"

// CleanHeaderValue returns value as a header field can have it: a NUL and a CR
// alone become a space, lines that would not continue the field do, and what is
// longer than a field may be is cut. It is for values made of what the mail
// says, such as a Subject with a tag before it, which must not fail because the
// mail is odd.
func CleanHeaderValue(value string) string {
	value = withLF(value)
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
	if len(value) > maxHeaderValue {
		value = strings.TrimRight(value[:maxHeaderValue], "\n")
	}
	return value
}
