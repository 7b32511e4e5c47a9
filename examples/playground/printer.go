package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// width is the number of columns that the output keeps to.
const width = 80

// printer shows reports: to people, or as JSON.
type printer struct {
	w    io.Writer
	json bool
	paint
	explained bool // the negotiation was shown
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	return &printer{w: w, json: asJSON, paint: paintFor(w, os.Getenv)}
}

// start says what is running where.
func (p *printer) start(smtp, maildir string, m *milter) {
	if p.json {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", p.bold("Sluice playground"))
	fmt.Fprintf(&b, "  SMTP server  %s\n  Filter       %s\n  Maildir      %s\n", smtp, m.address, maildir)
	p.print(&b)
}

// invite says how to send more.
func (p *printer) invite(smtp string) {
	if p.json {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, until Ctrl-C:\n", p.bold("Send more"))
	fmt.Fprintf(&b, "  swaks --server %s --from you@example.com \\\n", smtp)
	fmt.Fprintf(&b, "    --to bob@example.test,nobody@example.test --header 'Subject: hello'\n")
	p.print(&b)
}

// report shows a message.
func (p *printer) report(r *Report) {
	if p.json {
		e := json.NewEncoder(p.w)
		e.SetEscapeHTML(false)
		_ = e.Encode(r)
		return
	}
	var b strings.Builder
	if !p.explained && r.Negotiation != nil {
		p.explained = true
		p.negotiation(&b, r.Negotiation)
	}
	p.message(&b, r)
	p.stages(&b, r.Stages)
	p.verdict(&b, r)
	p.diff(&b, r)
	p.print(&b)
}

// print writes out. That nobody reads it is no reason to stop serving.
func (p *printer) print(b *strings.Builder) { _, _ = io.WriteString(p.w, b.String()) }

// cut shortens a line to the width, and keeps what a message says from
// commanding the terminal.
func cut(line string, columns int) string {
	line = strings.Map(tame, line)
	if runes := []rune(line); len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return line
}

func tame(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsControl(r), r == unicode.ReplacementChar:
		return '?'
	}
	return r
}
