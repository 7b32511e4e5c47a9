package signed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxHeader limits the size of the header of a message that is signed or
// verified, in bytes. The limits of MTAs are much lower.
const MaxHeader = 8 << 20

// Errors of ReadHeader.
var (
	errSize  = errors.New("the header is too large")
	errSpace = errors.New("the message begins with white space")
	errColon = errors.New("a line of the header has no colon")
)

// ReadHeader reads the header of a message and the empty line after it. The lines may
// end in CRLF or LF.
func ReadHeader(r *bufio.Reader) ([]Field, error) {
	var (
		fields []Field
		raw    strings.Builder // the raw value of the last field
		size   int
	)
	complete := func() {
		if len(fields) > 0 {
			fields[len(fields)-1].Raw = raw.String()
		}
		raw.Reset()
	}
	for {
		line, err := readLine(r, MaxHeader)
		if size += len(line); size > MaxHeader {
			return nil, errSize
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading the header: %w", err)
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		name, rest, isField := strings.Cut(line, ":")
		switch {
		case line == "":
			complete()
			return fields, nil
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) == 0 {
				return nil, errSpace
			}
			raw.WriteString("\r\n" + line)
		case !isField:
			return nil, errColon
		default:
			complete()
			fields = append(fields, Field{Name: name})
			raw.WriteString(rest)
		}
	}
}

// readLine reads a line. It stops early once the line is longer than most
// bytes.
func readLine(r *bufio.Reader, most int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(line), err
		}
		if len(line) > most {
			return string(line), nil
		}
	}
}

// ReadBody reads a body, converts its line ends to CRLF, and completes the
// hashes.
func (b *Bodies) ReadBody(r io.Reader) error {
	buf := make([]byte, 64<<10)
	var last byte
	for {
		n, err := r.Read(buf)
		if n > 0 {
			b.writeLines(buf[:n], last)
			last = buf[n-1] //nolint:gosec // n is positive
		}
		if errors.Is(err, io.EOF) {
			b.End()
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the body: %w", err)
		}
	}
}

// writeLines writes a piece of a body and converts its line ends to CRLF. The
// argument last is the byte before the piece.
func (b *Bodies) writeLines(p []byte, last byte) {
	from := 0 // the start of the unwritten part
	for at := 0; ; at++ {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			_, _ = b.Write(p[from:])
			return
		}
		at += i
		if at > 0 {
			last = p[at-1] //nolint:gosec // at is positive
		}
		if last != '\r' {
			_, _ = b.Write(p[from:at])
			_, _ = b.Write([]byte("\r\n"))
			from = at + 1
		}
	}
}
