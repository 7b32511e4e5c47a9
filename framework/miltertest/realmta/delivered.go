package realmta

import (
	"bytes"
	"slices"
	"strings"
)

// Delivered is a message as the sink received it.
type Delivered struct {
	// From is the envelope sender without angle brackets, empty for a bounce.
	From string
	// FromArgs holds the arguments of MAIL as they stood there, by their names
	// in capitals: BODY, SMTPUTF8 (with an empty value), RET, ENVID. SIZE is
	// left out: it is the sender's estimate, and differs with each run.
	FromArgs map[string]string
	// To lists the recipients without angle brackets, in order.
	To []string
	// ToArgs holds the arguments of each RCPT: NOTIFY, ORCPT.
	ToArgs []map[string]string
	// Data is the message as it came over the wire, with CRLF, its dots
	// unstuffed.
	Data []byte
}

// Match chooses messages.
type Match = func(Delivered) bool

// ToRecipient matches a message that has the recipient.
func ToRecipient(address string) Match {
	return func(d Delivered) bool { return slices.Contains(d.To, address) }
}

// Containing matches a message whose data, header or body, hold the text.
func Containing(text string) Match {
	return func(d Delivered) bool { return bytes.Contains(d.Data, []byte(text)) }
}

// WithoutTrace returns the message without the Received field that the test's
// MTA added. All else, order included, is as it came.
func (d Delivered) WithoutTrace() []byte {
	start, end := d.traceBounds()
	return slices.Concat(d.Data[:start], d.Data[end:])
}

// Trace returns the Received field that the test's MTA added, with its line
// end, or nothing if there is none.
func (d Delivered) Trace() string {
	start, end := d.traceBounds()
	return string(d.Data[start:end])
}

// traceBounds finds the first Received field that says it was written here. A
// filter may have put fields above it.
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

// fieldLen returns the length of the header field, with its folded lines,
// that the data begin with.
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
