package dkim

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrNotSigned is the error of [Sign] if no rule has a key for the author, or if the author
// is unclear.
var ErrNotSigned = errors.New("dkim: no rule has a key for the author of the message")

// Sign signs a message and returns its DKIM-Signature fields, topmost first.
// Each field ends in CRLF. Sign reads the message to its end. The lines of the
// message may end in CRLF or LF. Sign converts them to CRLF before it signs. It
// does not check whether [Trust] admits the message.
func Sign(cfg Signing, r io.Reader) ([]string, error) {
	sg, err := newSigning(&cfg, time.Now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	br := bufio.NewReader(r)
	fields, err := readHeader(br)
	if err != nil {
		return nil, err
	}
	from, unclear := authors(fields)
	if unclear != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSigned, unclear)
	}
	keys := selectKeys(sg.candidates(from), from[0], func(*signKey) bool { return true })
	if len(keys) == 0 {
		return nil, ErrNotSigned
	}
	var sums bodies
	sum := sums.request(bodyKind{sg.body, whole})
	if err := copyBody(&sums, br); err != nil {
		return nil, err
	}
	values, err := sg.sign(keys, fields, from[0], sum)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		values[i] = signatureField + ": " + strings.ReplaceAll(v, "\n", "\r\n") + "\r\n"
	}
	return values, nil
}

// Verify verifies the signatures of a message. It reads the message to its end.
// The lines of the message may end in CRLF or LF. For a message without a
// signature, Verify returns one result with [StatusNone].
func Verify(ctx context.Context, cfg Verifying, r io.Reader) ([]Result, error) {
	v, err := newVerifying(&cfg, time.Now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	br := bufio.NewReader(r)
	fields, err := readHeader(br)
	if err != nil {
		return nil, err
	}
	var sums bodies
	m := v.begin(ctx, fields, &sums)
	if err := copyBody(&sums, br); err != nil {
		return nil, err
	}
	return m.finish(ctx, m.lookUp(ctx)), nil
}

// errHeaderSize is the error for a header of more than maxHeader bytes.
var errHeaderSize = errors.New("dkim: the header is too large")

// readHeader reads the header of a message and the empty line after it.
func readHeader(r *bufio.Reader) ([]Field, error) {
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
		line, err := readLine(r, maxHeader)
		if size += len(line); size > maxHeader {
			return nil, errHeaderSize
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("dkim: reading the header: %w", err)
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		name, rest, isField := strings.Cut(line, ":")
		switch {
		case line == "":
			complete()
			return fields, nil
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) == 0 {
				return nil, errors.New("dkim: the message begins with white space")
			}
			raw.WriteString("\r\n" + line)
		case !isField:
			return nil, errors.New("dkim: a line of the header has no colon")
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

// copyBody reads a body, converts its line ends to CRLF, and completes the
// hashes.
func copyBody(sums *bodies, r io.Reader) error {
	buf := make([]byte, 64<<10)
	var last byte
	for {
		n, err := r.Read(buf)
		if n > 0 {
			writeLines(sums, buf[:n], last)
			last = buf[n-1] //nolint:gosec // n is positive
		}
		if errors.Is(err, io.EOF) {
			sums.end()
			return nil
		}
		if err != nil {
			return fmt.Errorf("dkim: reading the body: %w", err)
		}
	}
}

// writeLines writes a piece of a body and converts its line ends to CRLF. The
// argument last is the byte before the piece.
func writeLines(sums *bodies, p []byte, last byte) {
	from := 0 // the start of the unwritten part
	for at := 0; ; at++ {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			sums.write(p[from:])
			return
		}
		at += i
		if at > 0 {
			last = p[at-1] //nolint:gosec // at is positive
		}
		if last != '\r' {
			sums.write(p[from:at])
			sums.write([]byte("\r\n"))
			from = at + 1
		}
	}
}
