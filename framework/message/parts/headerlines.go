package parts

import (
	"bytes"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
)

// headerLines collects the lines of a header within a limit.
type headerLines struct {
	limit, line int // the longest header, and the longest line that counts after it
	buf         []byte
	begin       int   // of the current line in buf
	length      int   // of the current line, what is not in buf included
	broken      Flaws // what is wrong with the lines so far
	full        bool
}

// usualHeader is the size of a header, in bytes, for which memory is kept from message
// to message.
const usualHeader = 8 << 10

// release releases the memory that an unusually long header took.
func (h *headerLines) release() {
	if cap(h.buf) > usualHeader {
		h.buf = nil
	}
}

func (h *headerLines) reset() {
	h.buf, h.begin, h.length, h.broken, h.full = h.buf[:0], 0, 0, 0, false
}

// add adds bytes to the current line.
func (h *headerLines) add(p []byte) {
	h.length += len(p)
	if room := h.limit + h.line - len(h.buf); len(p) > room {
		p = p[:room]
	}
	h.buf = append(h.buf, p...)
}

// current returns the current line, and whether it is complete.
func (h *headerLines) current() (line []byte, whole bool) {
	return h.buf[h.begin:], len(h.buf)-h.begin == h.length
}

// next begins another line. The current one stays in the header if it has room.
func (h *headerLines) next() {
	if h.full || h.begin+h.length > h.limit {
		h.full = true
		h.broken |= HeaderTooLong
		h.drop()
		return
	}
	h.begin, h.length = len(h.buf), 0
}

// drop forgets the current line.
func (h *headerLines) drop() { h.buf, h.length = h.buf[:h.begin], 0 }

// fields returns the fields of the header. It skips lines that are none. If the header was
// cut, what is wrong with the end of its last field comes from that, and is no flaw.
func (h *headerLines) fields(cut bool) (fields []Field, flaws Flaws) {
	flaws = h.broken
	text := string(h.buf[:h.begin])
	if cut {
		text = strings.TrimRight(text, " \t\r\n")
	}
	if strings.IndexByte(text, 0) >= 0 {
		flaws |= ControlInHeader
	}
	for top := true; text != ""; {
		var lines string
		lines, text = cutField(text)
		value, bare := unfold(lines)
		if bare {
			flaws |= ControlInHeader
		}
		name, value, ok := strings.Cut(value, ":")
		name = strings.TrimRight(name, " \t")
		switch {
		case top && isMailboxLine(lines):
		case cut && text == "" && !ok && (isFieldName(name) || isMailboxLine(lines)):
		case !ok || !isFieldName(name):
			flaws |= BrokenHeader
		default:
			fields = append(fields, Field{Name: name, Value: value})
		}
		if hasBlankLine(lines) {
			flaws |= BrokenHeader
		}
		top = top && ascii.EqualFold(name, returnPath)
	}
	return fields, flaws
}

// cutField divides text behind its first field, whose lines are all that begin with
// white space but the first.
func cutField(text string) (field, rest string) {
	end := 0
	for {
		n := strings.IndexByte(text[end:], '\n')
		if n < 0 {
			return text, ""
		}
		if end += n + 1; end == len(text) || text[end] != ' ' && text[end] != '\t' {
			return text[:end], text[end:]
		}
	}
}

// unfold returns lines without the line ends, and whether a CR without LF is in them.
func unfold(lines string) (text string, bareCR bool) {
	lines = strings.TrimSuffix(strings.TrimSuffix(lines, "\n"), "\r")
	if strings.IndexByte(lines, '\n') >= 0 {
		lines = strings.ReplaceAll(strings.ReplaceAll(lines, "\r\n", ""), "\n", "")
	}
	return lines, strings.IndexByte(lines, '\r') >= 0
}

// hasBlankLine reports whether a line of a field consists of white space. Some readers
// take it for the end of the header.
func hasBlankLine(lines string) bool {
	for line := range strings.Lines(lines) {
		if strings.Trim(line, " \t\r\n") == "" {
			return true
		}
	}
	return false
}

// isMailboxLine reports whether a line is the one that divides the messages of a
// mailbox. Some programs leave it at the top of a message that they attach, or below the
// Return-Path that they add there.
func isMailboxLine(line string) bool {
	return strings.HasPrefix(line, "From ") || strings.HasPrefix(line, ">From ")
}

func isFieldName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// trimEnd returns a line without its line end.
func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
