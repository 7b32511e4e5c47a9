package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

// text writes the report for human readers.
func (r *report) text(w io.Writer) error {
	if r.Offered == nil {
		return nil // no milter was reached, as the error says
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Negotiation with %s\n", r.Milter)
	r.Offered.text(&b, "offered")
	if r.Answered != nil {
		r.Answered.text(&b, "answered")
		for _, s := range r.macroOrder {
			fmt.Fprintf(&b, "    %-14s %s\n", s, r.Answered.Macros[s.String()])
		}
	}
	r.stages(&b)
	if len(r.Modifications) > 0 {
		fmt.Fprintf(&b, "Modifications\n  %s\n", strings.Join(r.Modifications, "\n  "))
	}
	if r.Verdict != "" {
		fmt.Fprintf(&b, "Verdict\n  %s\n", r.Verdict)
	}
	if r.Edited != nil {
		r.Edited.text(&b)
	}
	_, err := io.WriteString(w, cli.Printable(b.String()))
	return err
}

func (n *negotiation) text(b *strings.Builder, who string) {
	fmt.Fprintf(b, "  %s version %d\n", who, n.Version)
	fmt.Fprintf(b, "    actions  %s\n", orNone(n.Actions))
	fmt.Fprintf(b, "    protocol %s\n", orNone(n.Protocol))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return wrap(names, "             ")
}

// wrap joins words with spaces and breaks the text into lines of 80 columns.
func wrap(words []string, indent string) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range words {
		switch {
		case i == 0:
		case column+1+len(word) > 80:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

func (r *report) stages(b *strings.Builder) {
	if len(r.Stages) > 0 {
		b.WriteString("Stages\n")
	}
	for _, s := range r.Stages {
		name := s.Stage
		if s.About != "" {
			name += " " + s.About
		}
		fmt.Fprintf(b, "  %-30s %s\n", name, s.shown)
	}
}

func (m *message) text(b *strings.Builder) {
	fmt.Fprintf(b, "Message\n  MAIL FROM:%s\n", m.From)
	for _, rcpt := range m.Rcpt {
		fmt.Fprintf(b, "  RCPT TO:%s\n", rcpt)
	}
	text := strings.TrimSuffix(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n")
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight("  | "+line, " ") + "\n")
	}
}
