package framework

import (
	"bytes"
	"io"

	"github.com/sluicemail/sluice/framework/internal/crlf"
	"github.com/sluicemail/sluice/wire"
)

// BodyReplacer is the right to replace the body (SMFIF_CHGBODY). It may be used
// from Mail on; the last call of a message counts.
type BodyReplacer struct{ grant }

// GrantReplaceBody asks for the right to replace the body.
func (r *Router) GrantReplaceBody(opts ...GrantOption) BodyReplacer {
	return BodyReplacer{r.grant("GrantReplaceBody", wire.ActionChgBody, opts)}
}

// Replace puts body in the place of the message's (smfi_replacebody). Lines may
// end in CRLF or LF; a CR without its LF is an error. The bytes are sent from
// where they are: they must not be changed until the message has ended.
func (g BodyReplacer) Replace(s *Session, body []byte) error {
	lane, err := g.queue(s)
	if err != nil {
		return err
	}
	if body, err = crlf.Canonical(body); err != nil {
		return &ValueError{"body", err.Error()}
	}
	lane.edits = append(lane.edits, edit{kind: editBody, body: body})
	return nil
}

// Prepare makes a body ready to be sent in many messages, so that it is checked
// only once: lines that end in LF get their CRLF, and a CR without its LF is a
// [*ValueError]. The bytes are copied. The function that it returns replaces the
// body of a session's message as [BodyReplacer.Replace] does; it may be used by any
// number of sessions at the same time.
func (g BodyReplacer) Prepare(body []byte) (replace func(*Session) error, err error) {
	canonical, err := crlf.Canonical(bytes.Clone(body))
	if err != nil {
		return nil, &ValueError{"body", err.Error()}
	}
	return func(s *Session) error {
		lane, err := g.queue(s)
		if err != nil {
			return err
		}
		lane.edits = append(lane.edits, edit{kind: editBody, body: canonical})
		return nil
	}, nil
}

// ReplaceFrom puts what r reads in the place of the body. It is read to its end
// once, after this lane's end of message and within the time that a handler has
// there, and kept in a temporary file when it is large: see Config.SpoolMemory.
// Lines may end in CRLF or LF. When reading fails, or finds a CR without its
// LF, the lane has failed, and its policy decides; the MTA has been told
// nothing by then. Where r is an io.Closer it is closed when the message ends.
func (g BodyReplacer) ReplaceFrom(s *Session, r io.Reader) error {
	lane, err := g.queue(s)
	if err != nil {
		return err
	}
	if r == nil {
		return &ValueError{"body", "is a nil reader"}
	}
	s.closeAtEnd(r)
	lane.edits = append(lane.edits, edit{kind: editBody, reader: r})
	return nil
}
