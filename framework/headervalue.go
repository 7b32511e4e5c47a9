package framework

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// headerValue checks a field's name and value and returns the value as it
// travels: lines separated by LF.
func headerValue(name, value string) (string, error) {
	if err := checkHeaderName(name); err != nil {
		return "", err
	}
	if len(value) > message.MaxHeaderValue {
		return "", &ValueError{"header value", "is longer than 64100 bytes"}
	}
	if !strings.ContainsAny(value, "\r\n\x00") {
		return value, nil
	}
	value = strings.ReplaceAll(value, "\r\n", "\n")
	if strings.ContainsAny(value, "\r\x00") {
		return "", &ValueError{"header value", "holds NUL or a CR without LF"}
	}
	for _, line := range strings.Split(value, "\n")[1:] {
		if line == "" || line[0] != ' ' && line[0] != '\t' {
			return "", &ValueError{"header value", "has a line that does not begin with a space or a tab"}
		}
	}
	return value, nil
}

// checkHeaderName checks a name against RFC 5322 section 2.2.
func checkHeaderName(name string) error {
	if name == "" || len(name) > message.MaxHeaderName {
		return &ValueError{"header name", "is empty or longer than 900 bytes"}
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
			return &ValueError{"header name", "holds a byte that no header name has"}
		}
	}
	return nil
}

// withLF returns a value that the MTA sent with its lines separated by LF,
// whatever the MTA separated them by.
func withLF(value string) string {
	if strings.IndexByte(value, '\r') < 0 {
		return value
	}
	return strings.ReplaceAll(value, "\r\n", "\n")
}
