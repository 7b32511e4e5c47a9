package workload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Name is the name of a workload, as the servers' flags take it.
type Name string

// The workloads.
const (
	// W1 examines each header field and adds one field.
	W1 Name = "w1"
	// W2 has a handler for every stage, and each handler replies.
	W2 Name = "w2"
	// W3 hashes the body and adds a field with the digest.
	W3 Name = "w3"
	// W4 replaces the body without reading it.
	W4 Name = "w4"
	// W1MW is W1 with the middleware Recover, Logger, Macros and
	// NormalizeHeaders.
	W1MW Name = "w1mw"
)

// The workloads that wait, as filters do that ask a server about the message.
const (
	// Check is one filter that takes CheckTime at the end of the message.
	Check Name = "check"
	// Checks is three such filters in one server, one after the other.
	Checks Name = "checks"
	// ChecksEarly is Checks, begun before the end of the message.
	ChecksEarly Name = "checks-early"
	// ChecksMail is Checks, begun at MAIL.
	ChecksMail Name = "checks-mail"
	// ChecksData is Checks, begun at DATA.
	ChecksData Name = "checks-data"
)

// CheckTime is how long each filter of the workloads that wait takes. The
// server in C has the same number.
const CheckTime = 100 * time.Millisecond

// Names returns all workloads for the load generator.
func Names() []Name { return []Name{W1, W2, W3, W4, W1MW} }

// Waiting returns all workloads that wait.
func Waiting() []Name { return []Name{Check, Checks, ChecksEarly, ChecksMail, ChecksData} }

// Parse returns the workload with the given name.
func Parse(s string) (Name, error) {
	if n := Name(s); slices.Contains(slices.Concat(Names(), Waiting()), n) {
		return n, nil
	}
	return "", fmt.Errorf("unknown workload %q, want w1, w2, w3, w4, w1mw, or check, checks, checks-early, checks-mail, checks-data", s)
}

// The fields that the filters read and add.
const (
	// Watched is the field whose value W1 copies.
	Watched = "From"
	// Copied is the field that W1 copies it to.
	Copied = "X-Seen"
	// Digest is the field that W3 adds. Its value is the SHA-256 digest in
	// hexadecimal.
	Digest = "X-Digest"
)

// Mebibyte is the size of a large body, in bytes.
const Mebibyte = 1 << 20

// LineLen is the length of every line of a body, including CRLF. It divides the
// sizes above, so that a body can be split between lines.
const LineLen = 64

// NewBody returns the body that W4 sends.
func NewBody() []byte { return lines('n', Mebibyte) }

// lines returns n bytes of text. Every line ends with CRLF, except possibly the
// last.
func lines(letter byte, n int) []byte {
	line := append(bytes.Repeat([]byte{letter}, LineLen-2), '\r', '\n')
	return bytes.Repeat(line, n/LineLen+1)[:n]
}

// Size is the size of a message: its recipients, its header fields, and the
// bytes of its body.
type Size struct {
	Rcpts, Headers, Body int
}

// DefaultSize returns the size of the workload's messages.
func (n Name) DefaultSize() Size {
	s := Size{Rcpts: 2, Headers: 20, Body: 4 << 10}
	if n == W3 || n == W4 {
		s.Body = Mebibyte
	}
	return s
}

// Field is a header field of a message.
type Field struct{ Name, Value string }

// Message is a message that the load generator sends.
type Message struct {
	Sender     string
	Recipients []string
	Header     []Field
	Body       []byte
}

// NewMessage returns a message of the given size, with a From field in the
// middle of the header.
func NewMessage(s Size) Message {
	m := Message{Sender: "ann@example.org", Body: lines('o', s.Body)}
	for i := range s.Rcpts {
		m.Recipients = append(m.Recipients, fmt.Sprintf("bob%d@example.net", i))
	}
	for i := range s.Headers {
		f := Field{fmt.Sprintf("X-Field-%d", i), strings.Repeat("value ", 8) + "end"}
		if i == s.Headers/2 {
			f = Field{Watched, "Ann Example <ann@example.org>"}
		}
		m.Header = append(m.Header, f)
	}
	return m
}

// Added returns the field that the workload's filter adds to the message, or
// false if it adds none.
func (n Name) Added(m *Message) (Field, bool) {
	switch n {
	case W1, W1MW:
		i := slices.IndexFunc(m.Header, func(f Field) bool { return f.Name == Watched })
		if i < 0 {
			return Field{Copied, ""}, true
		}
		return Field{Copied, m.Header[i].Value}, true
	case W3:
		sum := sha256.Sum256(m.Body)
		return Field{Digest, hex.EncodeToString(sum[:])}, true
	case W2, W4, Check, Checks, ChecksEarly, ChecksMail, ChecksData:
	}
	return Field{}, false
}
