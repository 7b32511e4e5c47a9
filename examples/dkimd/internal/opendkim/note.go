package opendkim

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim/tables"
)

// NoteKind says what a note is about.
type NoteKind uint8

// Values of NoteKind.
const (
	// Explained is a setting with a counterpart that does the same. The note
	// says how.
	Explained NoteKind = iota
	// NotNeeded is a setting that means nothing for dkimd.
	NotNeeded
	// NoCounterpart is a setting that dkimd has nothing for.
	NoCounterpart
	// Differs is a setting with a counterpart that does something else.
	Differs
)

// Note is what the administrator must know about a setting.
type Note struct {
	// Setting is what the note is about.
	Setting *Setting
	// Where is the file and the line, FILE:LINE. It differs from the place of
	// the setting if the note is about an entry of a table.
	Where string
	// Kind says what the note is about.
	Kind NoteKind
	// Changes reports whether other mail is signed or refused than by OpenDKIM.
	Changes bool
	// Text explains the note.
	Text string
}

// String returns the note in one line.
func (n Note) String() string {
	what := map[NoteKind]string{Explained: "", NotNeeded: " is not needed", NoCounterpart: " has no counterpart", Differs: " differs"}[n.Kind]
	if n.Changes {
		what += ", which changes the mail that is signed or refused"
	}
	return cleaned(fmt.Sprintf("%s: %s%s: %s", n.Where, n.Setting.Option.Name, what, strings.ReplaceAll(n.Text, "`", "")))
}

// leftOut returns the notes about settings whose options have no counterpart. A
// setting that turns an option off has none.
func (c *conversion) leftOut(settings []Setting) []Note {
	var notes []Note
	for i := range settings {
		s := &settings[i]
		switch {
		case s.Option.Effect == Mapped || c.set[s.Option.Name] != s:
		case s.Option.kind == boolean && !s.yes():
		case s.Option.kind == integer && s.number() == 0:
		case strings.HasPrefix(s.Option.Name, "On-"): // policies has decided
		case s.Option.Effect == Needless:
			notes = append(notes, Note{Setting: s, Where: s.where(), Kind: NotNeeded, Text: s.Option.Text})
		default:
			notes = append(notes, Note{Setting: s, Where: s.where(), Kind: NoCounterpart, Changes: s.Option.Effect == Changes, Text: s.Option.Text})
		}
	}
	return notes
}

// note adds a note about a setting after which the same mail is signed and
// refused.
func (c *conversion) note(s *Setting, kind NoteKind, format string, args ...any) {
	c.notes = append(c.notes, Note{Setting: s, Where: s.where(), Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// changes adds a note about a setting whose counterpart signs or refuses other
// mail.
func (c *conversion) changes(s *Setting, format string, args ...any) {
	c.notes = append(c.notes, Note{Setting: s, Where: s.where(), Kind: Differs, Changes: true, Text: fmt.Sprintf(format, args...)})
}

// noteEntry is like note, for an entry of the data set that a setting names.
func (c *conversion) noteEntry(s *Setting, e *tables.Entry, kind NoteKind, format string, args ...any) {
	c.notes = append(c.notes, Note{Setting: s, Where: s.whereEntry(e), Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// changesEntry is like changes, for an entry of the data set that a setting
// names.
func (c *conversion) changesEntry(s *Setting, e *tables.Entry, format string, args ...any) {
	c.notes = append(c.notes, Note{Setting: s, Where: s.whereEntry(e), Kind: Differs, Changes: true, Text: fmt.Sprintf(format, args...)})
}

// whereEntry returns the place of an entry: in its file, or in the setting.
func (s *Setting) whereEntry(e *tables.Entry) string {
	if e.File == "list" {
		return s.where()
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}
