package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// cursor walks through a frame's data. The first thing that is wrong is kept,
// so that a message reads its fields one after the other and asks once.
type cursor struct {
	rest []byte
	name fmt.Stringer // of the message, asked when something is wrong
	err  error
}

// text returns the bytes up to the next NUL and steps over it.
func (c *cursor) text() []byte {
	i := bytes.IndexByte(c.rest, 0)
	if i < 0 {
		c.fail("a string without its NUL")
		return nil
	}
	s := c.rest[:i:i]
	c.rest = c.rest[i+1:]
	return s
}

// maxStrings is the most arguments that one command may carry, far above what
// fits in an SMTP command line. A frame of NULs would otherwise cost 24 times
// its size, and stay in the message that is decoded into.
const maxStrings = 1024

// texts appends the strings that are left to list.
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
		c.fail("cut short")
		return 0
	}
	n := binary.BigEndian.Uint16(c.rest)
	c.rest = c.rest[2:]
	return n
}

func (c *cursor) uint32() uint32 {
	if len(c.rest) < 4 {
		c.fail("cut short")
		return 0
	}
	n := binary.BigEndian.Uint32(c.rest)
	c.rest = c.rest[4:]
	return n
}

func (c *cursor) byte() byte {
	if len(c.rest) == 0 {
		c.fail("cut short")
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

// closed reports what went wrong, but passes over what stands between the end
// of the last string and the frame's last NUL. It is for values that an SMTP
// client worded: an MTA that is not written in C may let a NUL in them pass.
// libmilter sees the value end there and so does this, since a client must not
// be able to break the MTA's connection to its filter.
func (c *cursor) closed() error {
	if n := len(c.rest); n > 0 && c.rest[n-1] != 0 {
		c.fail("a string without its NUL")
	}
	return c.err
}

// done reports what went wrong, bytes left over included.
func (c *cursor) done() error {
	if len(c.rest) > 0 {
		c.fail("bytes after its end")
	}
	return c.err
}
