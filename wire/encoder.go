package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
)

// encoder appends one frame to a buffer. It keeps the first error, so that a
// message can encode all of its fields and check for an error once.
type encoder struct {
	dst  []byte
	at   int
	name string
	err  error
}

func newEncoder(dst []byte, code byte, name string) encoder {
	at := len(dst)
	return encoder{dst: append(dst, 0, 0, 0, 0, code), at: at, name: name}
}

func (e *encoder) text(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		e.fail("value contains a NUL")
	}
	e.dst = append(append(e.dst, s...), 0)
}

// required writes a string that must not be empty, a rule that libmilter has
// too.
func (e *encoder) required(s, what string) {
	if s == "" {
		e.fail("empty " + what)
	}
	e.text(s)
}

// index writes the index of a header field. Postfix gives up a filter that
// sends an index above an int32, and libmilter refuses to send one.
func (e *encoder) index(n uint32) {
	if n > math.MaxInt32 {
		e.fail("index above 2147483647")
	}
	e.uint32(n)
}

func (e *encoder) textBytes(b []byte) {
	if bytes.IndexByte(b, 0) >= 0 {
		e.fail("value contains a NUL")
	}
	e.dst = append(append(e.dst, b...), 0)
}

func (e *encoder) textList(list [][]byte) {
	for _, b := range list {
		e.textBytes(b)
	}
}

func (e *encoder) raw(b []byte) { e.dst = append(e.dst, b...) }

func (e *encoder) uint32(n uint32) { e.dst = binary.BigEndian.AppendUint32(e.dst, n) }

func (e *encoder) fail(reason string) {
	if e.err == nil {
		e.err = &ValueError{Message: e.name, Reason: reason}
	}
}

func (e *encoder) done() ([]byte, error) {
	n := len(e.dst) - e.at - lengthLen
	if n > math.MaxInt32 {
		e.fail("frame of more than 2147483647 bytes")
	}
	if e.err != nil {
		return e.dst[:e.at], e.err
	}
	binary.BigEndian.PutUint32(e.dst[e.at:], uint32(n)) //nolint:gosec // checked above
	return e.dst, nil
}
