package main

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"
)

// maxCommand is the maximum length of a command line without its LF, as in Postfix
// (line_length_limit). The SMTP server has one limit for commands and content, and the
// lines of content may have any length.
const maxCommand = 2048

// commandLines follows the commands of a client through the bytes that arrive, and limits
// the length of their lines. It holds a line back until it is complete, because the SMTP
// server would run what arrived of a line before an error.
type commandLines struct {
	line    []byte // what has arrived of the current line
	ready   []byte // complete lines and chunks that the server has not read yet
	chunk   uint64 // the bytes that are still to come of the chunk that BDAT announced
	tooLong bool
}

// add adds bytes that have arrived. If it meets the command DATA, it returns the bytes
// after it, which are content, and true.
func (l *commandLines) add(p []byte) (content []byte, isData bool) {
	for len(p) > 0 && !l.tooLong {
		if l.chunk > 0 {
			n := min(l.chunk, uint64(len(p)))
			l.ready = append(l.ready, p[:n]...)
			l.chunk, p = l.chunk-n, p[n:]
			continue
		}
		c := p[0]
		p = p[1:]
		l.line = append(l.line, c)
		if c == '\n' {
			if l.end() {
				return p, true
			}
			continue
		}
		l.tooLong = len(l.line) > maxCommand
	}
	return nil, false
}

// take moves complete lines and chunks to p.
func (l *commandLines) take(p []byte) int {
	n := copy(p, l.ready)
	l.ready = l.ready[n:]
	return n
}

// err returns the error that makes the SMTP server reply 500 and close the connection if a
// line was too long.
func (l *commandLines) err() error {
	if l.tooLong {
		return smtp.ErrTooLongLine
	}
	return nil
}

// end ends a command line. It returns whether the command is DATA.
func (l *commandLines) end() (isData bool) {
	line := strings.ToUpper(string(bytes.TrimRight(l.line, "\r\n")))
	l.ready = append(l.ready, l.line...)
	l.line = l.line[:0]
	if rest, ok := strings.CutPrefix(line, "BDAT "); ok {
		l.chunk = chunkSize(strings.Fields(rest))
	}
	return line == "DATA"
}

// chunkSize returns the size of the chunk that follows BDAT with the arguments. It is 0 if
// the SMTP server refuses the arguments, and expects no chunk.
func chunkSize(args []string) uint64 {
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && args[1] != "LAST" {
		return 0
	}
	size, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return 0
	}
	return size
}
