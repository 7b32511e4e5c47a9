package framework

import (
	"bytes"
	"io"

	"github.com/sluicemail/sluice/framework/internal/crlf"
	"github.com/sluicemail/sluice/wire"
)

// BodyReplacer is the right to replace the body (SMFIF_CHGBODY). It may be used from
// Mail on. If the body is replaced more than once, the last replacement counts.
type BodyReplacer struct{ grant }

// GrantReplaceBody asks for the right to replace the body.
func (r *grants) GrantReplaceBody(opts ...GrantOption) BodyReplacer {
	return BodyReplacer{r.in.grant("GrantReplaceBody", wire.ActionChgBody, 0, opts)}
}

// Replace replaces the message's body (smfi_replacebody). Lines may end in CRLF or LF;
// a CR without LF is a [*ValueError]. The bytes are not copied and must not be changed
// until the message has ended.
func (g BodyReplacer) Replace(s *Session, body []byte) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	body, err = crlf.Canonical(body)
	if err != nil {
		return &ValueError{"body", err.Error()}
	}
	return lane.request(s, edit{kind: editBody, body: body})
}

// Prepare checks and converts a body once, so that it can be sent in many messages.
// Lines that end in LF are converted to CRLF, and a CR without LF is a [*ValueError].
// The bytes are copied. The function that Prepare returns replaces the body of a
// session's message, as [BodyReplacer.Replace] does. It is safe for concurrent use by
// different sessions.
func (g BodyReplacer) Prepare(body []byte) (replace func(*Session) error, err error) {
	canonical, err := crlf.Canonical(bytes.Clone(body))
	if err != nil {
		return nil, &ValueError{"body", err.Error()}
	}
	return func(s *Session) error { return g.queue(s, edit{kind: editBody, body: canonical}) }, nil
}

// ReplaceFrom replaces the body with the text that r returns. The framework reads r to
// its end once, after the filter's handlers for the end of the message have run. r may read
// from the readers of [KeptBody] and [KeptMessage], which are valid until then. Reading has
// the time limit of a handler. A large body is kept in a temporary file: see
// Config.SpoolMemory. Lines may end in CRLF or LF. If reading fails, or if the text has
// a CR without LF, the filter has failed and its policy decides. The MTA has then
// received nothing of the body. If r is an io.Closer, it is closed when the message
// ends.
func (g BodyReplacer) ReplaceFrom(s *Session, r io.Reader) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if r == nil {
		return &ValueError{"reader of a body", "is nil"}
	}
	if c, ok := r.(io.Closer); ok {
		s.message.closers = append(s.message.closers, c)
	}
	return lane.request(s, edit{kind: editBody, reader: r})
}
