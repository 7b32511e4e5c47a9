package banner

import (
	"mime"
	"strings"

	"github.com/sluicemail/sluice/framework/message/internal/charset"
	"github.com/sluicemail/sluice/framework/message/internal/lex"
	"github.com/sluicemail/sluice/framework/message/parts"
)

// rendering is the banner for one part.
type rendering struct {
	content []byte // in the charset of the part; lines end with LF
	html    bool
	variant Variant
	fields  []parts.Field // the changes of the header that it needs
	labels  bool          // the text gets the charset UTF-8 in place of US-ASCII
	requote bool          // the content gets the encoding quoted-printable in place of 7bit
}

// render makes the banner for a part. With fallback, it is for a part that cannot have
// another text.
func (b *Banner) render(p *parts.Part, fallback bool) (rendering, error) {
	name := p.Param("charset")
	switch p.Encoding {
	case "", "7bit", "8bit", "binary", "quoted-printable", "base64":
	default:
		return rendering{}, ErrEncoding
	}
	switch {
	case !charset.ContainsASCII(name):
		return rendering{}, ErrCharset
	case p.Type == typeHTML:
		return rendering{content: []byte(b.html), html: true, variant: HTML}, nil
	}
	if !fallback {
		if r, ok := b.renderText(p, name); ok {
			return r, nil
		}
	}
	if b.fallback == "" {
		return rendering{}, ErrCharset
	}
	return rendering{content: flow(p, b.fallback), variant: Fallback}, nil
}

func (b *Banner) renderText(p *parts.Part, name string) (r rendering, ok bool) {
	r = rendering{variant: Text}
	if charset.IsASCII(name) && !lex.IsASCII(b.text) {
		name, r.labels = "utf-8", true
	}
	if r.content, ok = charset.FromUTF8(name, b.text); !ok {
		return r, false
	}
	r.content = flow(p, string(r.content))
	r.requote = (p.Encoding == "" || p.Encoding == "7bit") && !lex.IsASCII(string(r.content))
	if r.labels {
		r.fields = append(r.fields, parts.Field{Name: "Content-Type", Value: relabel(p, name)})
	}
	if r.requote {
		r.fields = append(r.fields, parts.Field{Name: "Content-Transfer-Encoding", Value: "quoted-printable"})
	}
	return r, r.fields == nil || !b.config.KeepHeader
}

// relabel returns the Content-Type of a part with another charset.
func relabel(p *parts.Part, name string) string {
	params := make(map[string]string)
	for _, param := range p.Params {
		if _, ok := params[param.Name]; !ok {
			params[param.Name] = param.Value
		}
	}
	params["charset"] = name
	if value := mime.FormatMediaType(p.Type, params); value != "" {
		return value
	}
	return p.Type + "; charset=" + name
}

// flow returns the text as a part with format=flowed has it (RFC 3676 section 4.4): a
// space is put before lines that begin with a space, a quote sign or "From ".
func flow(p *parts.Part, text string) []byte {
	if !strings.EqualFold(p.Param("format"), "flowed") {
		return []byte(text)
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, " ") || strings.HasPrefix(l, ">") || strings.HasPrefix(l, "From ") {
			lines[i] = " " + l
		}
	}
	return []byte(strings.Join(lines, "\n"))
}
