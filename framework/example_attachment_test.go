package framework_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// AttachmentNames refuses mail with an attachment whose name matches. It reads
// the body chunk by chunk and keeps at most one header field of it.
//
// If the MIME structure is broken, mail programs guess. AttachmentNames does
// so, too: it uses the readable part of a name or a boundary, and accepts a
// missing end of a part or of the message. If guessing is not possible, it
// refuses the mail: a multipart without a boundary, more than 100 levels of
// nested parts, or a header field of more than 128 KiB. It does not open
// archives, TNEF, uuencoded files, or messages that are attached in an
// encoding.
type AttachmentNames struct{ Forbidden *regexp.Regexp }

func (AttachmentNames) Name() string { return "attachmentnames" }

func (f AttachmentNames) Register(r *framework.Router) error {
	parts := framework.PerMessage[mimeScanner](r)

	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Is("Content-Type") || h.Is("Content-Disposition") {
			p := parts.Get(s)
			p.inHeader = true
			p.write([]byte(h.Name()+": "+h.Value()+"\n"), f.Forbidden)
		}
		return nil
	})
	r.ObserveEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) error {
		parts.Get(s).write([]byte("\n"), f.Forbidden)
		return nil
	})
	r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
		parts.Get(s).write(b.Chunk(), f.Forbidden)
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		p := parts.Get(s)
		p.write([]byte("\n\n"), f.Forbidden) // ends the header if the mail ends within it
		switch {
		case p.found != "":
			return framework.Reply(550, "5.7.1", fmt.Sprintf("Attachment %+.100q is not allowed here", p.found))
		case p.broken:
			return framework.Reply(550, "5.7.1", "The MIME structure is broken")
		}
		return framework.Continue, nil
	})
	return nil
}

// mimeScanner finds the headers of the parts of a message.
type mimeScanner struct {
	line, field      []byte   // read so far, each at most maxField long
	boundaries       []string // of the enclosing multiparts
	inHeader, nested bool     // nested: a message follows the header
	found            string   // the first forbidden name
	broken           bool
}

const maxField, maxDepth = 128 << 10, 100

func (p *mimeScanner) write(b []byte, forbidden *regexp.Regexp) {
	for line := range bytes.Lines(b) {
		if len(p.line)+len(line) > maxField {
			p.broken = p.broken || p.inHeader
			line = line[len(bytes.TrimRight(line, "\n")):] // drops the rest of the line except its end
		}
		p.line = append(p.line, line...)
		if bytes.HasSuffix(p.line, []byte("\n")) {
			p.endLine(bytes.TrimRight(p.line, "\r\n"), forbidden)
			p.line = p.line[:0]
		}
	}
}

func (p *mimeScanner) endLine(line []byte, forbidden *regexp.Regexp) {
	if delimiter, ok := bytes.CutPrefix(line, []byte("--")); ok {
		name := strings.TrimRight(string(delimiter), " \t")
		i := slices.Index(p.boundaries, name)
		begins := i >= 0
		if !begins {
			i = slices.Index(p.boundaries, strings.TrimSuffix(name, "--"))
		}
		if i >= 0 {
			p.endField(forbidden)
			p.boundaries = p.boundaries[:i+1]
			p.inHeader, p.nested = begins, false
			return
		}
	}
	if !p.inHeader {
		return
	}
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		p.broken = p.broken || len(p.field)+len(line) > maxField
		if !p.broken {
			p.field = append(p.field, line...)
		}
		return
	}
	p.endField(forbidden)
	p.field = append(p.field, line...)
	if len(line) == 0 {
		p.inHeader, p.nested = p.nested, false
	}
}

var (
	looseName     = regexp.MustCompile(`(?i)name[*0-9]*\s*=\s*(?:"([^"]*)|([^;]*))`)
	looseBoundary = regexp.MustCompile(`(?i)boundary[*0-9]*\s*=\s*(?:"([^"]*)|([^;\s]*))`)
	// charset matches the charset of an RFC 2231 parameter. The mime
	// package knows only a few charsets.
	charset = regexp.MustCompile(`(\*\s*=\s*"?)[\w:.+-]*'`)
	decoder = mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	cleaner = strings.NewReplacer(`\`, "", `"`, "", "\x00", "", "\r", "", "\n", "")
)

// endField checks a complete header field.
func (p *mimeScanner) endField(forbidden *regexp.Regexp) {
	name, value, _ := strings.Cut(string(p.field), ":")
	p.field = p.field[:0]
	name = strings.TrimSpace(name)
	contentType := strings.EqualFold(name, "Content-Type")
	if !contentType && !strings.EqualFold(name, "Content-Disposition") {
		return
	}
	_, params, _ := mime.ParseMediaType(charset.ReplaceAllString(value, "${1}us-ascii'"))
	names := []string{params["name"], params["filename"]}
	for _, match := range looseName.FindAllStringSubmatch(value, -1) {
		names = append(names, match[1]+match[2])
	}
	for _, name := range names {
		if text, err := decoder.DecodeHeader(name); err == nil {
			name = text
		}
		if text, err := url.PathUnescape(name); err == nil {
			name = text
		}
		name = strings.TrimRight(cleaner.Replace(name), " \t.") // as Windows does
		if p.found == "" && forbidden.MatchString(name) {
			p.found = name
		}
	}
	if kind := strings.ToLower(strings.TrimSpace(value)); contentType && strings.HasPrefix(kind, "multipart/") {
		boundary := params["boundary"]
		if match := looseBoundary.FindStringSubmatch(value); boundary == "" && match != nil {
			boundary = match[1] + match[2]
		}
		if boundary == "" || len(p.boundaries) == maxDepth {
			p.broken = true
			return
		}
		p.boundaries = append(p.boundaries, strings.TrimRight(boundary, " \t"))
	} else if contentType {
		p.nested = strings.HasPrefix(kind, "message/")
	}
}

// A filter that refuses mail by the names of its attachments.
func Example_attachment() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	filter := AttachmentNames{Forbidden: regexp.MustCompile(`(?i)\.(exe|js)$`)}
	send := func(what, text string) {
		res := miltertest.Run(t, filter, miltertest.Message(text))
		fmt.Printf("%s: %s\n", what, cmp.Or(res.Reply(), "delivered"))
	}
	part := func(field string) string {
		return "Content-Type: multipart/mixed; boundary=a\n\n" +
			"--a\nContent-Type: text/plain\n\nhello.exe\n" +
			"--a\nContent-Type: application/octet-stream\n" + field + "\n\nTVo=\n--a--\n"
	}
	send("text", "Subject: run.exe\n\nrun.exe\n")
	send("pdf", part(`Content-Disposition: attachment; filename="a.exe.pdf"`))
	send("exe", part(`Content-Disposition: attachment; filename="A.EXE"`))
	send("folded", part("Content-Disposition: attachment;\n\tfilename=a.js"))
	send("RFC 2231", part(`Content-Disposition: attachment; filename*=utf-8''%C3%A4%2Eexe`))
	send("in pieces", part(`Content-Disposition: attachment; filename*1*=%65xe; filename*0*=koi8-r''a%2E`))
	send("RFC 2047", part(`Content-Disposition: attachment; filename="=?utf-8?b?w6QuZXhl?="`))
	send("no quotes", part(`Content-Disposition: attachment; filename=my file.exe; size=3`))
	send("top level", "Content-Type: application/javascript; name=a.js\n\n1\n")
	inner := "Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b\nContent-Type: text/plain; name=a.exe"
	send("nested", "Content-Type: multipart/mixed; boundary=a\n\n--a\n"+inner)
	send("message", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\n"+inner)
	send("no boundary", "Content-Type: multipart/mixed\n\nhello\n")
	send("no end", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nhello\n")
	send("huge field", part("Content-Disposition: attachment;"+strings.Repeat("\n x=y;", 50_000)+"\n filename=a.exe"))
	send("big", part("\n"+strings.Repeat("x", 1<<20)+"\n--a\nContent-Disposition: attachment; filename=b.exe"))
	// Output:
	// text: delivered
	// pdf: delivered
	// exe: 550 5.7.1 Attachment "A.EXE" is not allowed here
	// folded: 550 5.7.1 Attachment "a.js" is not allowed here
	// RFC 2231: 550 5.7.1 Attachment "\u00e4.exe" is not allowed here
	// in pieces: 550 5.7.1 Attachment "a.exe" is not allowed here
	// RFC 2047: 550 5.7.1 Attachment "\u00e4.exe" is not allowed here
	// no quotes: 550 5.7.1 Attachment "my file.exe" is not allowed here
	// top level: 550 5.7.1 Attachment "a.js" is not allowed here
	// nested: 550 5.7.1 Attachment "a.exe" is not allowed here
	// message: 550 5.7.1 Attachment "a.exe" is not allowed here
	// no boundary: 550 5.7.1 The MIME structure is broken
	// no end: delivered
	// huge field: 550 5.7.1 The MIME structure is broken
	// big: 550 5.7.1 Attachment "b.exe" is not allowed here
}
