package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// cursor decodes a frame's data from front to back. It keeps the first error,
// so that a message can decode all of its fields and check for an error once.
type cursor struct {
	rest []byte
	name fmt.Stringer // the message's name, for errors
	err  error
}

// text returns the bytes before the next NUL and skips the NUL.
func (c *cursor) text() []byte {
	i := bytes.IndexByte(c.rest, 0)
	if i < 0 {
		c.fail("string without a terminating NUL")
		return nil
	}
	s := c.rest[:i:i]
	c.rest = c.rest[i+1:]
	return s
}

// maxStrings is the maximum number of arguments in one command. It is far above
// the number that fits on an SMTP command line. Without a maximum, a frame of
// NULs would take 24 times its size in memory, and the decoded message would
// keep that memory.
const maxStrings = 1024

// texts appends the remaining strings to list.
func (c *cursor) texts(list [][]byte) [][]byte {
	for c.err == nil && len(c.rest) > 0 {
		if len(list) == maxStrings {
			c.fail("more than 1024 arguments")
			return nil
		}
		if s := c.text(); c.err == nil {
			list = append(list, s)
		}
	}
	return list
}

func (c *cursor) uint16() uint16 {
	if len(c.rest) < 2 {
		c.fail("truncated")
		return 0
	}
	n := binary.BigEndian.Uint16(c.rest)
	c.rest = c.rest[2:]
	return n
}

func (c *cursor) uint32() uint32 {
	if len(c.rest) < 4 {
		c.fail("truncated")
		return 0
	}
	n := binary.BigEndian.Uint32(c.rest)
	c.rest = c.rest[4:]
	return n
}

func (c *cursor) byte() byte {
	if len(c.rest) == 0 {
		c.fail("truncated")
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *cursor) fail(reason string) {
	if c.err == nil {
		c.err = violation(c.name.String(), reason)
		c.rest = nil
	}
}

// doneLenient returns the first error. It allows any bytes between the end of
// the last string and the last byte of the frame, provided that this byte is a
// NUL. It is for values that an SMTP client chose, because an MTA that is not
// written in C may pass a NUL in them. libmilter also lets the value end at the
// first NUL. A client must not be able to break the connection between the MTA
// and its filter.
func (c *cursor) doneLenient() error {
	if n := len(c.rest); n > 0 && c.rest[n-1] != 0 {
		c.fail("string without a terminating NUL")
	}
	return c.err
}

// done returns the first error. Bytes that remain are an error.
func (c *cursor) done() error {
	if len(c.rest) > 0 {
		c.fail("trailing bytes")
	}
	return c.err
}
