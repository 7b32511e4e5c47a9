package main

import (
	"fmt"
	"path"
	"strings"
)

// negotiation prints each protocol bit, whether the filter requested it, and
// which line of a filter is the reason.
func (p *printer) negotiation(b *strings.Builder, n *Negotiation) {
	fmt.Fprintf(b, "\n%s, milter version %d: + is asked for, - is not\n", p.bold("Negotiated"), n.Version)
	for _, r := range n.Reasons {
		sign, why := "+", r.Cause
		if !r.Asked {
			sign = "-"
		}
		if r.Filter != "" {
			why = fmt.Sprintf("%s: %s, %s", r.Filter, r.Cause, path.Base(r.Where))
		}
		line := cut(fmt.Sprintf("  %s %-17s %s", sign, r.Bit, why), width)
		if !r.Asked {
			line = p.faint(line)
		}
		fmt.Fprintln(b, line)
	}
}

// message prints the queue ID, the sender and the client of a message.
func (p *printer) message(b *strings.Builder, r *Report) {
	fmt.Fprintf(b, "\n%s\n", p.bold(cut("Message "+r.ID+" of "+r.From+" from "+r.Client, width)))
}

// stages prints the filter's replies. It joins equal replies to consecutive
// header fields or body chunks to one line.
func (p *printer) stages(b *strings.Builder, stages []Stage) {
	for len(stages) > 0 {
		first, n := stages[0], 1
		for n < len(stages) && stages[n].sharesLine(first) {
			n++
		}
		name := first.Stage + " " + first.About
		if n > 1 {
			name = fmt.Sprintf("%s, %d of them", first.Stage, n)
		}
		fmt.Fprintf(b, "  %-34s %s\n", cut(name, 34), p.reply(first))
		stages = stages[n:]
	}
}

// sharesLine reports whether two stages are shown on one line of the output.
func (s Stage) sharesLine(o Stage) bool {
	return s.Stage == o.Stage && s.Origin == o.Origin && s.Reply == o.Reply && s.SMTP == nil && o.SMTP == nil &&
		(s.Stage == "Header" || s.Stage == "Body")
}

func (p *printer) reply(s Stage) string {
	const columns = width - 37
	switch {
	case s.Reply == "":
		return p.faint(cut(string(s.Origin), columns))
	case s.SMTP != nil:
		return p.red(cut(strings.Join(s.SMTP, " / "), columns))
	}
	return p.green(cut(s.Reply, columns))
}

func (p *printer) verdict(b *strings.Builder, r *Report) {
	for _, m := range r.Modifications {
		fmt.Fprintln(b, cut("    "+m, width))
	}
	text := []string{string(r.Verdict)}
	for _, more := range []string{r.Quarantine, strings.Join(r.Reply, " / "), r.Error} {
		if more != "" {
			text = append(text, more)
		}
	}
	color := p.green
	if r.Verdict == Refused || r.Verdict == Failed {
		color = p.red
	}
	fmt.Fprintf(b, "  %s %s\n", p.bold(fmt.Sprintf("%-34s", "Verdict")), color(cut(strings.Join(text, ": "), width-37)))
	if r.File != "" {
		fmt.Fprintf(b, "  %s\n", r.File)
	}
}

func (p *printer) diff(b *strings.Builder, r *Report) {
	for _, h := range r.Diff {
		fmt.Fprintf(b, "  %s\n", p.faint(fmt.Sprintf("@@ %s, line %d @@", h.Part, h.Line)))
		for _, line := range h.Lines {
			line = "  " + cut(line, width-2)
			switch line[2] {
			case '-':
				line = p.red(line)
			case '+':
				line = p.green(line)
			}
			fmt.Fprintln(b, line)
		}
	}
}
