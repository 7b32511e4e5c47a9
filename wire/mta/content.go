package mta

import "github.com/sluicemail/sluice/wire"

// header reports the header fields.
func (t *transaction) header() error {
	for _, f := range t.msg.Header {
		if err := t.spend(); err != nil {
			return err
		}
		if err := t.macros(wire.MacroEOH, wire.CmdHeader); err != nil {
			return err
		}
		r, err := t.Header(t.ctx, f.Name, t.fit(f))
		if err != nil {
			return err
		}
		if t.note(wire.CmdHeader, f.Name, r); r.Final() {
			return nil
		}
	}
	return nil
}

// fit returns the field's value, cut to what libmilter takes in one frame unless
// the MTA does not mind.
func (t *transaction) fit(f Field) string {
	if room := wire.DefaultLimit - len("Lname\x00value\x00") - len(f.Name); !t.has(LongFields) && len(f.Value) > room {
		return f.Value[:max(0, room)]
	}
	return f.Value
}

// body reports the body in chunks.
func (t *transaction) body() error {
	size := t.cfg.chunkSize(t.negotiated.Protocol)
	for t.rest = t.msg.Body; len(t.rest) > 0 && !t.atEnd(size); {
		chunk := t.rest[:min(t.uncut(), size)]
		t.rest = t.rest[len(chunk):]
		if err := t.once(wire.MacroEOM, &wire.Body{Chunk: chunk}); err != nil || t.out.Verdict.Final() {
			return err
		}
	}
	return nil
}

// uncut returns how much of the rest of the body is not to be cut.
func (t *transaction) uncut() int {
	sent := len(t.msg.Body) - len(t.rest)
	for _, cut := range t.msg.Cuts {
		if cut > sent && cut < len(t.msg.Body) {
			return cut - sent
		}
	}
	return len(t.rest)
}

// atEnd reports whether what is left of the body comes with the end of the
// message.
func (t *transaction) atEnd(size int) bool {
	return t.has(BodyInEnd) && len(t.rest) <= size && t.uncut() == len(t.rest) && !t.agreed(wire.ProtoNoBody) && t.skipped != wire.CmdBody
}

func (t *transaction) endOfMessage() error {
	if err := t.spend(); err != nil {
		return err
	}
	if err := t.macros(wire.MacroEOM, wire.CmdBodyEOB); err != nil {
		return err
	}
	r, mods, err := t.EndOfMessage(t.ctx, t.rest)
	t.out.Modifications = mods
	if err == nil {
		t.note(wire.CmdBodyEOB, "", r)
	}
	return err
}
