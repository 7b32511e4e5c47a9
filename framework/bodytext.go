package framework

import (
	"bytes"

	"github.com/sluicemail/sluice/framework/internal/crlf"
)

// BodyText is a body that was made ready to be sent, once for many messages. It
// never changes, and may be used by any number of sessions at a time.
type BodyText struct{ canonical []byte }

// NewBodyText makes a body ready: lines that end in LF get their CRLF, and a CR
// without its LF is a [*ValueError]. The bytes are copied.
func NewBodyText(body []byte) (BodyText, error) {
	canonical, err := crlf.Canonical(bytes.Clone(body))
	if err != nil {
		return BodyText{}, &ValueError{"body", err.Error()}
	}
	return BodyText{canonical}, nil
}

// Len returns the length of the body as it is sent, in bytes.
func (t BodyText) Len() int { return len(t.canonical) }

// ReplaceText puts a body that was made ready in the place of the message's. It
// costs no look at the bytes, whatever their number.
func (g BodyReplacer) ReplaceText(s *Session, text BodyText) error {
	lane, err := g.queue(s)
	if err != nil {
		return err
	}
	lane.edits = append(lane.edits, edit{kind: editBody, body: text.canonical})
	return nil
}
