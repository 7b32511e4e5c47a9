package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
)

// encoder builds one frame at the end of a buffer. The first thing that goes
// wrong is kept, so that a message writes its fields one after the other and
// asks once.
type encoder struct {
	dst  []byte
	at   int
	name string
	err  error
}

func encode(dst []byte, code byte, name string) encoder {
	at := len(dst)
	return encoder{dst: append(dst, 0, 0, 0, 0, code), at: at, name: name}
}

func (e *encoder) text(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		e.fail("a value holds a NUL")
	}
	e.dst = append(append(e.dst, s...), 0)
}

// required writes what libmilter would not let a filter leave empty either.
func (e *encoder) required(s, what string) {
	if s == "" {
		e.fail("an empty " + what)
	}
	e.text(s)
}

// index writes the place of a header field. Beyond an int32 Postfix gives up
// the filter, and libmilter refuses.
func (e *encoder) index(n uint32) {
	if n > math.MaxInt32 {
		e.fail("an index above 2147483647")
	}
	e.uint32(n)
}

func (e *encoder) view(b []byte) {
	if bytes.IndexByte(b, 0) >= 0 {
		e.fail("a value holds a NUL")
	}
	e.dst = append(append(e.dst, b...), 0)
}

func (e *encoder) views(list [][]byte) {
	for _, b := range list {
		e.view(b)
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
		e.fail("longer than a frame may be")
	}
	if e.err != nil {
		return e.dst[:e.at], e.err
	}
	binary.BigEndian.PutUint32(e.dst[e.at:], uint32(n)) //nolint:gosec // checked above
	return e.dst, nil
}
