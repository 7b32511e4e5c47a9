package mta

import "github.com/sluicemail/sluice/wire"

// header reports the header fields.
func (t *transaction) header() error {
	for _, f := range t.msg.Header {
		if err := t.macros(wire.MacroEOH, wire.CmdHeader); err != nil {
			return err
		}
		r, err := t.Header(t.ctx, f.Name, f.Value)
		if err != nil {
			return err
		}
		if t.note(wire.CmdHeader, f.Name, r); r.Final() {
			return nil
		}
	}
	return nil
}

// body reports the body in chunks. Neither MTA leaves the last piece to the
// end of the message.
func (t *transaction) body() error {
	for rest := t.msg.Body; len(rest) > 0; {
		chunk := rest[:min(len(rest), wire.MaxBodyChunk)]
		rest = rest[len(chunk):]
		if err := t.once(wire.MacroEOM, &wire.Body{Chunk: chunk}); err != nil || t.out.Verdict.Final() {
			return err
		}
	}
	return nil
}

func (t *transaction) endOfMessage() error {
	if err := t.macros(wire.MacroEOM, wire.CmdBodyEOB); err != nil {
		return err
	}
	r, mods, err := t.EndOfMessage(t.ctx, nil)
	t.out.Modifications = mods
	if err == nil {
		t.note(wire.CmdBodyEOB, "", r)
	}
	return err
}
