package edit

import (
	"bytes"
	"strings"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// armor looks for inline PGP (RFC 4880 section 6.2 and 7) in the content of a text.
type armor struct {
	part    *parts.Part
	decoder codec
	decoded []byte
	line    []byte // the beginning of a line, until it cannot be what is looked for
	mid     bool   // the line is none of them
}

const armorBegin = "-----BEGIN PGP "

// armorTypes are the kinds of armor that cover a text. Keys and detached signatures do
// not.
var armorTypes = [...]string{"MESSAGE", "SIGNED MESSAGE"}

// start begins a part.
func (a *armor) start(p *parts.Part) {
	*a = armor{part: p, decoder: decoder(p.Encoding), decoded: a.decoded[:0], line: a.line[:0]}
}

// find reports whether a line of the content begins PGP.
func (a *armor) find(p *parts.Part, piece []byte) bool {
	if !strings.HasPrefix(p.Type, "text/") {
		return false
	}
	if a.part != p {
		a.start(p)
	}
	if a.decoder != nil {
		a.decoded = a.decoder.feed(a.decoded[:0], piece)
		piece = a.decoded
	}
	found := false
	for len(piece) > 0 {
		n := bytes.IndexByte(piece, '\n')
		if n < 0 {
			return a.feed(piece) || found
		}
		found = a.feed(piece[:n]) || found
		a.line, a.mid, piece = a.line[:0], false, piece[n+1:]
	}
	return found
}

// feed looks at a fragment of a line.
func (a *armor) feed(text []byte) bool {
	if a.mid {
		return false
	}
	const longest = len(armorBegin) + len("SIGNED MESSAGE")
	a.line = append(a.line, text[:min(len(text), longest-len(a.line))]...)
	begin := min(len(a.line), len(armorBegin))
	a.mid = string(a.line[:begin]) != armorBegin[:begin] || len(a.line) == longest
	if kind, ok := bytes.CutPrefix(a.line, []byte(armorBegin)); ok {
		for _, t := range armorTypes {
			if bytes.HasPrefix(kind, []byte(t)) {
				a.mid = true
				return true
			}
		}
	}
	return false
}
