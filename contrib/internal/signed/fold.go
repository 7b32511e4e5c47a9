package signed

import (
	"encoding/base64"
	"strings"
)

// Folder builds a folded value from pieces. A piece that does not fit on
// the line starts a new line. Lines are separated by LF.
type Folder struct {
	strings.Builder
	// Indent is what a new line begins with: a tab or a space.
	Indent string
	// Max is the most columns of a line.
	Max int
	// Width is the number of columns of the last line so far. It begins with those of
	// the name of the field.
	Width int
}

// Add writes a piece without breaking it. At the start of a line, Add omits the
// leading space of the piece.
func (f *Folder) Add(piece string) {
	if f.Width+len(piece) > f.Max {
		f.Break()
		piece = strings.TrimPrefix(piece, " ")
	}
	_, _ = f.WriteString(piece)
	f.Width += len(piece)
}

// Break starts a new line.
func (f *Folder) Break() {
	_, _ = f.WriteString("\n" + f.Indent)
	f.Width = len(f.Indent)
}

// FoldBase64 returns b in base64, split into lines of at most most columns. Each begins with
// indent, a tab or a space, and the first one leaves room for it and "b=".
func FoldBase64(b []byte, most int, indent string) string {
	text := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	for width := most - len(indent+"b="); len(text) > width; width = most - len(indent) {
		out.WriteString(text[:width] + "\n" + indent)
		text = text[width:]
	}
	out.WriteString(text)
	return out.String()
}
