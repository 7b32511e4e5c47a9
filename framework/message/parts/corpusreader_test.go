package parts_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
)

// readLeaf is a leaf of a mail as the standard library reads it.
type readLeaf struct {
	path, kind, text string
}

// independentReader reads mail with the standard library, which shares no code with the
// walker. What it cannot read it tells as an error.
type independentReader struct {
	leaves []readLeaf
	err    error
}

// readIndependently reads a mail.
func readIndependently(m corpusMail) *independentReader {
	r := &independentReader{}
	r.message("", strings.NewReader(m.header+"\r\n"+m.body))
	return r
}

func (r *independentReader) message(path string, source io.Reader) {
	m, err := mail.ReadMessage(source)
	if err != nil {
		r.fail(path, err)
		return
	}
	r.part(path, textproto.MIMEHeader(m.Header), m.Body)
}

func (r *independentReader) fail(path string, err error) {
	r.err = errors.Join(r.err, fmt.Errorf("%q: %w", path, err))
}

func (r *independentReader) part(path string, header textproto.MIMEHeader, body io.Reader) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		r.multipart(path, multipart.NewReader(body, params["boundary"]))
	case kind == "message/rfc822" && strings.Count(path, ".") < 20:
		r.message(below(path, 1), body)
	default:
		text, err := io.ReadAll(decode(header.Get("Content-Transfer-Encoding"), body))
		if err != nil {
			r.fail(path, err)
		}
		r.leaves = append(r.leaves, readLeaf{path, kind, string(text)})
	}
}

func (r *independentReader) multipart(path string, source *multipart.Reader) {
	for n := 1; ; n++ {
		p, err := source.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			r.fail(path, err)
			return
		}
		r.part(below(path, n), p.Header, p)
	}
}

func below(path string, n int) string { return strings.TrimPrefix(fmt.Sprintf("%s.%d", path, n), ".") }

func decode(encoding string, content io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, content)
	case "quoted-printable":
		return quotedprintable.NewReader(content)
	}
	return content
}

// with returns the paths of the leaves that contain words, and the other leaves.
func (r *independentReader) with(words string) (paths []string, others []readLeaf) {
	for _, l := range r.leaves {
		if strings.Contains(l.text, words) {
			paths = append(paths, fmt.Sprintf("%q", l.path))
		} else {
			others = append(others, l)
		}
	}
	return paths, others
}
