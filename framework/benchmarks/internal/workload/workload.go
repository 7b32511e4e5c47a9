package workload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Name is the name of a workload, as the servers take it.
type Name string

// The workloads.
const (
	// W1 looks at each header field and adds one.
	W1 Name = "w1"
	// W2 has a handler at every stage, each of which answers.
	W2 Name = "w2"
	// W3 hashes the body, and adds a field with the digest.
	W3 Name = "w3"
	// W4 puts another body in the place of the message's, unseen.
	W4 Name = "w4"
	// W1MW is W1 below Recover, Logger, Macros and NormalizeHeaders.
	W1MW Name = "w1mw"
)

// Names returns all workloads.
func Names() []Name { return []Name{W1, W2, W3, W4, W1MW} }

// Parse returns the workload of that name.
func Parse(s string) (Name, error) {
	if n := Name(s); slices.Contains(Names(), n) {
		return n, nil
	}
	return "", fmt.Errorf("workload %q is none of w1, w2, w3, w4, w1mw", s)
}

// The fields that the filters look for and add.
const (
	// Watched is the field whose value W1 copies.
	Watched = "From"
	// Copied is the field that W1 copies it to.
	Copied = "X-Seen"
	// Digest is the field that W3 adds: SHA-256, in hexadecimal.
	Digest = "X-Digest"
)

// Mebibyte is the size of the large bodies.
const Mebibyte = 1 << 20

// LineLen is the length of every line of a body, CRLF included. It divides the
// sizes above, so that a body can be cut between lines.
const LineLen = 64

// NewBody is what W4 puts in the place of the body.
func NewBody() []byte { return lines('n', Mebibyte) }

// lines returns n bytes of text, in lines ended by CRLF but for a rest.
func lines(letter byte, n int) []byte {
	line := append(bytes.Repeat([]byte{letter}, LineLen-2), '\r', '\n')
	return bytes.Repeat(line, n/LineLen+1)[:n]
}

// Size says how large a message is.
type Size struct {
	Rcpts, Headers, Body int
}

// DefaultSize is the size of a message of the workload.
func (n Name) DefaultSize() Size {
	s := Size{Rcpts: 2, Headers: 20, Body: 4 << 10}
	if n == W3 || n == W4 {
		s.Body = Mebibyte
	}
	return s
}

// Field is a header field of a message.
type Field struct{ Name, Value string }

// Message is what the load generator sends.
type Message struct {
	Sender     string
	Recipients []string
	Header     []Field
	Body       []byte
}

// NewMessage makes a message. It has a From in the middle of its header.
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

// Added returns the field that a filter is to add to the message, or false
// where it adds none.
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
	case W2, W4:
	}
	return Field{}, false
}
