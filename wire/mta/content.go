package mta

import (
	"net/textproto"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/wire"
)

// header sends the header fields.
func (t *transaction) header() error {
	for _, f := range t.msg.Header {
		if err := t.takeEvent(); err != nil {
			return err
		}
		if err := t.macros(wire.MacroEOH, wire.CmdHeader); err != nil {
			return err
		}
		name := f.Name
		if t.has(UnfoldedFields) {
			name = textproto.CanonicalMIMEHeaderKey(name)
		}
		r, err := t.Header(t.ctx, name, t.fieldValue(f))
		if err != nil {
			return err
		}
		if t.record(wire.CmdHeader, f.Name, r); r.Final() {
			return nil
		}
	}
	return nil
}

// fieldValue returns the field's value. Unless the MTA has the quirk
// LongFields, the value is cut to the length that libmilter accepts in one
// frame.
func (t *transaction) fieldValue(f Field) string {
	if t.has(RawFields) {
		f.Value = strings.ReplaceAll(strings.TrimSpace(f.Value), "\n", "\r\n")
		if !utf8.ValidString(f.Value) {
			return ""
		}
	}
	if t.has(UnfoldedFields) {
		f.Value = unfolded(f.Value)
	}
	if room := wire.DefaultLimit - len("Lname\x00value\x00") - len(f.Name); !t.has(LongFields) && len(f.Value) > room {
		return f.Value[:max(0, room)]
	}
	return f.Value
}

// unfolded returns a value in one line, as Maddy sends it.
func unfolded(value string) string {
	var lines []string
	for line := range strings.SplitSeq(value, "\n") {
		if line = strings.Trim(line, " \t\r"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// body sends the body in chunks.
func (t *transaction) body() error {
	size := t.cfg.chunkSize(t.negotiated.Protocol)
	for t.rest = t.content(); len(t.rest) > 0 && !t.atEnd(size); {
		chunk := t.rest[:min(t.untilCut(), size)]
		t.rest = t.rest[len(chunk):]
		if err := t.macrosAndEvent(wire.MacroEOM, &wire.Body{Chunk: chunk}); err != nil || t.out.Verdict.Final() {
			return err
		}
	}
	return nil
}

// content returns what SMFIC_BODY carries.
func (t *transaction) content() []byte {
	if !t.has(HeaderInBody) {
		return t.msg.Body
	}
	whole := *t.msg
	whole.Received = nil
	return whole.Bytes()
}

// untilCut returns the number of bytes from the start of the remaining body to
// the next offset in Cuts, or to the end of the body.
func (t *transaction) untilCut() int {
	sent := len(t.msg.Body) - len(t.rest)
	for _, cut := range t.msg.Cuts {
		if cut > sent && cut < len(t.msg.Body) {
			return cut - sent
		}
	}
	return len(t.rest)
}

// atEnd reports whether SMFIC_BODYEOB carries the rest of the body.
func (t *transaction) atEnd(size int) bool {
	return t.has(BodyInEnd) && len(t.rest) <= size && t.untilCut() == len(t.rest) && !t.agreed(wire.ProtoNoBody) && t.skipped != wire.CmdBody
}

func (t *transaction) endOfMessage() error {
	if err := t.takeEvent(); err != nil {
		return err
	}
	if err := t.macros(wire.MacroEOM, wire.CmdBodyEOB); err != nil {
		return err
	}
	r, mods, err := t.EndOfMessage(t.ctx, t.rest)
	t.out.Modifications = mods
	if err == nil {
		t.record(wire.CmdBodyEOB, "", r)
	}
	return err
}
