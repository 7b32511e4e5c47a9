package replay

import (
	"fmt"
	"io"
	"strings"

	"github.com/sluicemail/sluice/framework/printable"
)

// Text returns what a result shows, or "" if the message is treated as it was recorded. Text
// of mail in it is escaped, so that a terminal can show it.
func (r *Result) Text() string {
	if r.NotReplayable == "" && !r.Differs() {
		return ""
	}
	var b strings.Builder
	if r.Name() == "" {
		return shown(r.NotReplayable) + "\n"
	}
	b.WriteString(shown(r.Name()))
	if r.Sender != "" {
		b.WriteString(" from " + shown(r.Sender))
	}
	if len(r.Recipients) > 0 {
		b.WriteString(" to " + shown(strings.Join(r.Recipients, ", ")))
	}
	if r.NotReplayable != "" {
		fmt.Fprintf(&b, ": not replayable: %s\n", printable.Text(r.NotReplayable))
		return b.String()
	}
	b.WriteByte('\n')
	for i := range r.Messages {
		m := &r.Messages[i]
		if len(r.Messages) > 1 || m.Number > 1 {
			fmt.Fprintf(&b, "  transaction %d\n", m.Number)
		}
		m.text(&b)
	}
	return b.String()
}

func (m *Message) text(b *strings.Builder) {
	for _, d := range m.Differences {
		fmt.Fprintf(b, "  %s\n", d.Kind)
		side(b, "recorded", d.Recorded)
		side(b, "now", d.Now)
	}
	if m.edited() {
		side(b, "edits recorded", strings.Join(m.Recorded.Edits, "\n"))
		side(b, "edits now", strings.Join(m.Now.Edits, "\n"))
	}
}

// edited reports whether the edits explain a difference.
func (m *Message) edited() bool {
	for _, d := range m.Differences {
		switch d.Kind {
		case KindHeader, KindBody, KindSender, KindRecipients:
			return true
		}
	}
	return false
}

// side writes one side of a difference, a line for each line of the text.
func side(b *strings.Builder, title, text string) {
	if text == "" {
		text = "nothing"
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(b, "    %-14s  %s\n", title, line)
		title = ""
	}
}

// WriteText writes the summary for a human reader.
func (s *Summary) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d messages would be treated differently", s.Different, s.Records)
	if s.Different == 0 {
		b.WriteByte('\n')
	} else {
		b.WriteString(":\n")
	}
	groups(&b, s.Kinds)
	section(&b, fmt.Sprintf("%d could not be replayed:", s.NotReplayable), s.Reasons)
	section(&b, "Assumed:", s.Assumed)
	section(&b, "The filter asks of the MTA now:", s.Added)
	section(&b, "The filter does not ask of the MTA any more:", s.Removed)
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, title string, list []Group) {
	if len(list) > 0 {
		b.WriteString(title + "\n")
		groups(b, list)
	}
}

// maxNamed is the number of records that a line of the summary names.
const maxNamed = 5

func groups(b *strings.Builder, list []Group) {
	for _, g := range list {
		names := make([]string, 0, maxNamed)
		for _, name := range g.First[:min(len(g.First), maxNamed)] {
			if name != "" { // of a record that cannot be read
				names = append(names, shown(name))
			}
		}
		fmt.Fprintf(b, "  %5d  %s", g.Count, printable.Text(g.Name))
		if len(names) > 0 {
			b.WriteString(": " + strings.Join(names, ", "))
			if n := g.Count - len(names); n > 0 {
				fmt.Fprintf(b, " and %d more", n)
			}
		}
		b.WriteByte('\n')
	}
}
