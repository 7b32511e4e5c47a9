package main

import (
	"fmt"
	"io"
	"strings"
)

// explain prints the report in sentences.
func (r *report) explain(w io.Writer) {
	p := &page{w}
	_, _ = fmt.Fprintln(w, strings.ReplaceAll(r.decision(), "\n", " "))
	for _, refused := range r.Refused {
		p.line("The recipient %s is refused: %s", refused.Recipient, refused.Reply)
	}
	if r.SPF != nil || r.DKIM != nil || r.ARC != nil || r.DMARC != nil || r.unseen {
		p.section("Why")
	}
	if r.unseen {
		p.line("The filter authenticate did not see the whole message, so nothing was authenticated.")
	}
	r.explainSPF(p)
	r.explainDKIM(p)
	if r.ARC != nil {
		p.line("ARC: %s%s.", *r.ARC, because(r.ARCChain.Reason))
	}
	r.explainDMARC(p)
	if r.AuthenticationResults != "" {
		p.section("Authentication-Results")
		p.line("%s", r.AuthenticationResults)
	}
	r.Edits.explain(p)
	r.explainDNS(p)
}

// page writes lines below headings.
type page struct{ w io.Writer }

func (p *page) section(title string) { _, _ = fmt.Fprintf(p.w, "\n%s\n", title) }

func (p *page) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	_, _ = fmt.Fprintf(p.w, "  %s\n", strings.ReplaceAll(text, "\n", " "))
}

// decision says what happens to the message.
func (r *report) decision() string {
	by := ""
	if r.By != "" {
		by = " by " + r.By
	}
	switch r.Action {
	case "reject":
		return fmt.Sprintf("The message is rejected%s at %s: %s", by, r.Stage, r.Reply)
	case "tempfail":
		return fmt.Sprintf("The client is told to try again%s at %s: %s", by, r.Stage, r.Reply)
	case "quarantine":
		return "The message is accepted and held in the queue: " + r.Hold
	case "discard":
		return "The message is accepted and dropped" + by + "."
	default:
		return "The message is accepted."
	}
}

func (r *report) explainSPF(p *page) {
	switch s := r.SPF; {
	case s == nil:
	case s.Skipped != "":
		p.line("SPF was not checked: %s.", s.Skipped)
	default:
		p.line("SPF for MAIL FROM (%s): %s%s.", orNone(s.MailFromDomain), s.MailFrom, because(s.MailFromReason))
		p.line("SPF for HELO (%s): %s%s.", orNone(s.HeloDomain), s.Helo, because(s.HeloReason))
	}
}

func (r *report) explainDKIM(p *page) {
	if r.DKIM != nil && len(r.DKIM) == 0 {
		p.line("DKIM: the message has no signature.")
	}
	for _, d := range r.DKIM {
		p.line("DKIM signature of %s (selector %s): %s%s.", orNone(d.Domain), orNone(d.Selector), d.Result, because(d.Reason))
	}
}

func (r *report) explainDMARC(p *page) {
	d := r.DMARC
	if d == nil {
		return
	}
	switch {
	case d.Skipped != "":
		p.line("DMARC was not evaluated: %s.", d.Skipped)
		return
	case d.Author == "":
		p.line("DMARC: %s.", d.Result)
	case d.Organizational == "":
		p.line("DMARC for %s: %s.", d.Author, d.Result)
	default:
		p.line("DMARC for %s (organizational domain %s): %s. The domain asks for %s.", d.Author, d.Organizational, d.Result, d.Policy)
	}
	for _, reason := range r.Reasons {
		p.line("%s", reason)
	}
	if d.Override != "" {
		p.line("It is accepted all the same, by %s.", d.Override)
	}
}

func (e *editReport) explain(p *page) {
	if len(e.Added)+len(e.Changed)+len(e.Deleted)+len(e.AddedRecipients)+len(e.DeletedRecipients) == 0 && e.Sender == nil && !e.Body {
		return
	}
	p.section("Edits")
	for _, f := range e.Added {
		p.line("add %s: %s", f.Name, f.Value)
	}
	for _, c := range e.Changed {
		p.line("change %s: %s -> %s", c.Name, c.Old, c.New)
	}
	for _, f := range e.Deleted {
		p.line("delete %s: %s", f.Name, f.Value)
	}
	for _, rcpt := range e.AddedRecipients {
		p.line("add the recipient %s", rcpt)
	}
	for _, rcpt := range e.DeletedRecipients {
		p.line("delete the recipient %s", rcpt)
	}
	if e.Sender != nil {
		p.line("change the sender to <%s>", *e.Sender)
	}
	if e.Body {
		p.line("replace the body")
	}
}

func (r *report) explainDNS(p *page) {
	if len(r.DNS) == 0 {
		return
	}
	p.section("DNS")
	for _, l := range r.DNS {
		from := ""
		if l.Cached {
			from = ", cached"
		}
		p.line("%s %s: %s (%.1f ms%s)", l.Name, l.Type, l.Answer, l.Ms, from)
	}
	if r.DNSLeftOut > 0 {
		p.line("and %d more", r.DNSLeftOut)
	}
}

// because returns a reason in parentheses, or "".
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + strings.TrimSuffix(reason, ".") + ")"
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
