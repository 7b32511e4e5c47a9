package opendkim

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// writer writes lines of YAML. Each line can have a comment that says which
// setting it comes from.
type writer struct {
	out     strings.Builder
	pending []string // headings that have no line below them yet
}

// heading begins a mapping below the depth of an indentation. It is written only
// if a line follows it.
func (w *writer) heading(depth int, name string) {
	w.pending = append(w.pending[:min(depth, len(w.pending))], strings.Repeat("  ", depth)+name+":\n")
}

// back ends the mappings below a depth.
func (w *writer) back(depth int) { w.pending = w.pending[:min(depth, len(w.pending))] }

// line writes a line with a comment about its origins.
func (w *writer) line(depth int, text string, from ...*Setting) {
	for i, heading := range w.pending {
		_, _ = w.out.WriteString(heading)
		w.pending[i] = ""
	}
	_, _ = w.out.WriteString(strings.Repeat("  ", depth) + text + comment(from) + "\n")
}

// remark writes a comment on a line of its own.
func (w *writer) remark(depth int, text string, from ...*Setting) {
	w.line(depth, "# "+cleaned(text), from...)
}

// comment returns the comment that names the places of settings, without those
// that are nil. If all are nil, the line stands for a default of OpenDKIM.
func comment(from []*Setting) string {
	if len(from) == 0 {
		return ""
	}
	var places []string
	for _, s := range from {
		if s != nil {
			places = append(places, s.String())
		}
	}
	if places == nil {
		return "  # OpenDKIM's default"
	}
	return "  # " + cleaned(strings.Join(places, ", "))
}

// cleaned returns the text of a comment without the characters that would end
// it or that YAML does not allow. They can be in the names of files.
func cleaned(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\t' {
			return '?'
		}
		return r
	}, text)
}

// plainText is a text that YAML reads as a text, without quotes.
var plainText = regexp.MustCompile(`^[A-Za-z/.][A-Za-z0-9/._@+-]*$`)

// scalar returns a text as YAML.
func scalar(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n", ".nan", ".inf":
	default:
		if plainText.MatchString(text) {
			return text
		}
	}
	quoted, _ := json.Marshal(text) // a text has a form in JSON, which YAML reads
	return string(quoted)
}

// list returns texts as a list in YAML.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = scalar(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
