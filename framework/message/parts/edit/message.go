package edit

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/parts"
)

// maxHeader is the size in bytes of the longest header of a message that NewMessage takes.
const maxHeader = 1 << 20

// ErrHeader: the header of the message is longer than 1 MiB.
var ErrHeader = errors.New("edit: the header of the message is longer than 1 MiB; refuse the message")

// NewMessage returns an editor of a whole message: header, empty line, body. It reads the
// header, and then does what [New] does. The editor applies the changes of the header
// itself. A header with a line that is no field is [parts.BrokenHeader].
func NewMessage(source io.Reader, c Config) (*Editor, error) {
	header, rest, err := readHeader(source)
	if err != nil {
		return nil, err
	}
	fields, flaws := fieldsOf(header)
	t := top{header: header, flaws: flaws, eol: "\r\n"}
	if n := lineEnd(header); n == 1 || n > 1 && header[n-1] == '\n' && header[n-2] != '\r' {
		t.eol = "\n"
	}
	return newEditor(io.MultiReader(bytes.NewReader(rest), source), fields, c, t)
}

// readHeader reads to the empty line behind the header, or to the end, and maybe more.
func readHeader(source io.Reader) (header, rest []byte, err error) {
	buf := make([]byte, 0, readSize)
	for begin := 0; ; {
		for n := begin + lineEnd(buf[begin:]); n > begin && buf[n-1] == '\n'; n = begin + lineEnd(buf[begin:]) {
			if len(trimLine(buf[begin:n])) == 0 {
				return buf[:n:n], buf[n:], nil
			}
			begin = n
		}
		switch {
		case err == io.EOF:
			return buf, nil, nil
		case err != nil:
			return nil, nil, err
		case len(buf) > maxHeader:
			return nil, nil, ErrHeader
		}
		buf = append(buf, make([]byte, readSize)...)
		var n int
		n, err = source.Read(buf[len(buf)-readSize:])
		buf = buf[:len(buf)-readSize+n]
	}
}

// fieldsOf returns the fields of a header.
func fieldsOf(header []byte) (fields []parts.Field, flaws parts.Flaws) {
	for len(trimLine(header[:lineEnd(header)])) > 0 {
		n := fieldEnd(header)
		name, value, ok := strings.Cut(string(header[:n]), ":")
		name = strings.TrimRight(name, " \t")
		if !ok || message.CheckFieldName(name) != nil {
			flaws |= parts.BrokenHeader
		} else {
			fields = append(fields, parts.Field{Name: name, Value: message.Unfold(value)})
		}
		header = header[n:]
	}
	return fields, flaws
}

// newHeader returns the header of the message. A changed one ends with an empty line.
func (t *top) newHeader(changed bool, eol string) []byte {
	header := rewrite(t.header, t.changes, eol)
	if changed && !endsEmpty(t.header) {
		header = append(header, eol...)
	}
	return header
}

// endsEmpty reports whether the last line of a header is empty.
func endsEmpty(header []byte) bool {
	text := trimLine(header)
	return len(text) < len(header) && (len(text) == 0 || text[len(text)-1] == '\n')
}
