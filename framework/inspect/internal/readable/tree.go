package readable

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// builder makes a Mail.
type builder struct {
	room int // bytes of text that may still be shown
}

// field appends a field for people, and returns false if there is no room.
func (b *builder) field(list *[]Field, name, value string) bool {
	text, err := message.Decode(value)
	f := Field{Name: valid(name), Value: valid(text)}
	if err != nil {
		f.Problem = strings.TrimPrefix(err.Error(), "message: ")
	}
	if !b.take(fieldSize + len(f.Name) + len(f.Value) + len(f.Problem)) {
		return false
	}
	*list = append(*list, f)
	return true
}

// build returns the message with its parts.
func (b *builder) build(m *record.Message) *Part {
	fields := make([]parts.Field, 0, len(m.Header))
	for _, f := range m.Header {
		fields = append(fields, parts.Field{Name: f.Name, Value: strings.TrimSpace(message.Unfold(f.Value))})
	}
	body := m.Body
	if isCut(m) {
		body = wholeRunes(body)
	}
	r := parts.NewReader(bytes.NewReader(body), fields, parts.Limits{Depth: maxDepth, Parts: maxParts})
	var told []*parts.Part
	made := make(map[*parts.Part]*Part)
	for {
		p, err := r.Next()
		if err != nil {
			break // the end: a body in memory has no other error
		}
		out := b.part(p)
		p.Fields = nil // they are copied, and may be much memory
		b.content(out, p, r)
		told, made[p] = append(told, p), out
		if parent := made[p.Parent]; parent != nil {
			parent.Parts = append(parent.Parts, out)
		}
	}
	for _, p := range told {
		b.complete(made[p], p)
	}
	return made[told[0]]
}

// part returns a part without its content.
func (b *builder) part(p *parts.Part) *Part {
	out := &Part{
		Path: p.Path(), Type: b.word(p.Type), Disposition: b.word(p.Disposition), Charset: b.word(p.Param("charset")),
		Encoding: b.word(p.Encoding), Names: b.words(p.Names),
	}
	if p.Parent != nil && p.Parent.IsMessage() {
		for _, f := range p.Fields {
			if out.HeaderCut = !b.field(&out.Header, f.Name, f.Value); out.HeaderCut {
				break
			}
		}
	}
	return out
}

// take takes room for a text, and returns false if there is not enough.
func (b *builder) take(n int) bool {
	if n > b.room {
		return false
	}
	b.room -= n
	return true
}

// word returns a short text, or "…" if there is no room.
func (b *builder) word(text string) string {
	if text = cut(text, maxWord); b.take(len(text)) {
		return text
	}
	return "…"
}

func (b *builder) words(list []string) (out []string) {
	for _, text := range list[:min(len(list), maxNames)] {
		out = append(out, b.word(text))
	}
	return out
}

// content reads the content of a part.
func (b *builder) content(out *Part, p *parts.Part, r io.Reader) {
	decoded := edit.Decode(p.Encoding, r)
	if !shown(p) {
		out.Size, _ = io.Copy(io.Discard, decoded)
		return
	}
	content, _ := io.ReadAll(io.LimitReader(decoded, int64(b.room)))
	rest, _ := io.Copy(io.Discard, decoded)
	out.Size = int64(len(content)) + rest
	if rest > 0 {
		content = wholeRunes(content)
	}
	text, known := message.DecodeText(p.Param("charset"), content)
	if !known {
		out.Problems = append(out.Problems, fmt.Sprintf("the charset %q is not known", out.Charset))
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if rest > 0 {
		text = strings.TrimRight(text, "\r\ufffd") // half a line end or character
	}
	out.TextCut = rest > 0 || len(text) > b.room // it may be longer in UTF-8
	out.Text = beginning(text, b.room)
	b.room -= len(out.Text)
}

// shown reports whether the content of a part is a text to read: no attachment, and no structure.
func shown(p *parts.Part) bool {
	if p.Disposition == "attachment" || p.IsMultipart() || p.IsMessage() {
		return false
	}
	return strings.HasPrefix(p.Type, "text/") || strings.HasPrefix(p.Type, "message/")
}

// complete adds what is known only at the end of the message.
func (b *builder) complete(out *Part, p *parts.Part) {
	if p.IsMultipart() || p.IsMessage() {
		out.Size = p.Size()
	}
	out.Uuencoded = b.words(p.Uuencoded)
	if flaws := p.Flaws &^ parts.NoVersion; flaws != 0 { // readers ignore NoVersion
		out.Problems = append(out.Problems, flaws.String())
	}
}
