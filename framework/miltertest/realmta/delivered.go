package realmta

import (
	"bytes"
	"slices"
	"strings"
)

// Delivered is a message as the [Sink] received it.
type Delivered struct {
	// From is the envelope sender without angle brackets. It is empty for a
	// bounce.
	From string
	// FromArgs holds the arguments of MAIL by their upper-case names: BODY,
	// SMTPUTF8 (with an empty value), RET and ENVID. SIZE is omitted,
	// because it is an estimate that differs between runs.
	FromArgs map[string]string
	// To lists the recipients without angle brackets, in order.
	To []string
	// ToArgs holds the arguments of each RCPT: NOTIFY, ORCPT.
	ToArgs []map[string]string
	// Data is the message as received, with CRLF line ends and without dot
	// stuffing.
	Data []byte
}

// Match reports whether a message is the one that the test waits for.
type Match = func(Delivered) bool

// ToRecipient matches messages to the given recipient.
func ToRecipient(address string) Match {
	return func(d Delivered) bool { return slices.Contains(d.To, address) }
}

// Containing matches messages whose header or body contains the text.
func Containing(text string) Match {
	return func(d Delivered) bool { return bytes.Contains(d.Data, []byte(text)) }
}

// WithoutTrace returns the message without the Received field that the tested
// MTA added. It does not change anything else.
func (d Delivered) WithoutTrace() []byte {
	start, end := d.traceBounds()
	return slices.Concat(d.Data[:start], d.Data[end:])
}

// Trace returns the Received field that the tested MTA added, including its
// line end, or "" if there is none.
func (d Delivered) Trace() string {
	start, end := d.traceBounds()
	return string(d.Data[start:end])
}

// traceBounds finds the first Received field that names [Hostname]. It need not
// be the first field, because a filter may have inserted fields above it.
func (d Delivered) traceBounds() (start, end int) {
	for at := 0; at < len(d.Data); at = end {
		end = at + fieldLen(d.Data[at:])
		field := string(d.Data[at:end])
		if field == "\r\n" {
			break
		}
		if strings.HasPrefix(field, "Received: ") && strings.Contains(field, "by "+Hostname+" (") {
			return at, end
		}
	}
	return 0, 0
}

// fieldLen returns the length of the first header field in data, including its
// folded lines.
func fieldLen(data []byte) int {
	for at := 0; ; {
		line := bytes.Index(data[at:], []byte("\r\n"))
		if line < 0 {
			return len(data)
		}
		at += line + 2
		if at >= len(data) || data[at] != ' ' && data[at] != '\t' {
			return at
		}
	}
}
