package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

// width is the maximum length of a line of output, in columns.
const width = 80

// printer prints reports, as text for human readers or as JSON.
type printer struct {
	w    io.Writer
	json bool
	paint
	explained bool   // the negotiation was printed
	page      string // the address of the page that shows each message, or ""
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	return &printer{w: w, json: asJSON, paint: paintFor(w, os.Getenv)}
}

// start prints the addresses of the servers and the path of the Maildir.
func (p *printer) start(smtp, maildir string, m *milter) {
	if p.json {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", p.bold("Sluice playground"))
	fmt.Fprintf(&b, "  SMTP server  %s\n  Filter       %s\n  Maildir      %s\n", smtp, m.address, maildir)
	p.print(&b)
}

// invite prints how to send another message and, in the last line, where to look at each.
func (p *printer) invite(smtp string) {
	if p.json {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, until Ctrl-C:\n", p.bold("Send more"))
	fmt.Fprintf(&b, "  swaks --server %s --from you@example.com \\\n", smtp)
	fmt.Fprintf(&b, "    --to bob@example.test,nobody@example.test --header 'Subject: hello'\n")
	if p.page != "" {
		fmt.Fprintf(&b, "\n%s, in a browser: %s\n", p.bold("Look inside"), p.page)
	}
	p.print(&b)
}

// report prints the report of a message.
func (p *printer) report(r *Report) {
	if p.json {
		_ = cli.WriteJSON(p.w, r, "")
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

// print writes the text. It ignores a write error, so that the playground serves
// even if its output is closed.
func (p *printer) print(b *strings.Builder) { _, _ = io.WriteString(p.w, b.String()) }

// cut shortens a line to the given number of columns. It also replaces what
// commands a terminal or is not seen there.
func cut(line string, columns int) string {
	line = strings.ReplaceAll(cli.Printable(line), "\t", " ")
	if runes := []rune(line); len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return line
}
