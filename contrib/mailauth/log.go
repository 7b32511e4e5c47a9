package mailauth

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/spf"
	msg "github.com/sluicemail/sluice/framework/message"
)

// Limits of a log line, which a sender causes.
const (
	maxSignatures = 5   // signatures in a line
	maxMethod     = 600 // the text about one method, in bytes
	maxWhy        = 120 // a reason in it
)

// attrs returns the attributes of the line about a message, with that for its queue ID.
func (s *Summary) attrs(queueID slog.Attr) []slog.Attr {
	list := make([]slog.Attr, 0, 10)
	add := func(key, value string) {
		if value != "" {
			list = append(list, slog.String(key, msg.CleanLine(value, maxMethod)))
		}
	}
	add("action", string(s.Action))
	add("by", s.By)
	add("spf", s.spfText())
	add("dkim", s.dkimText())
	add("arc", s.arcText())
	add("dmarc", s.dmarcText())
	return append(list, queueID, slog.Duration("took", s.Took))
}

// spfText returns the results of SPF for the log line, such as
// "pass mailfrom=example.org, none helo=mx.example.org (no record)".
func (s *Summary) spfText() string {
	switch {
	case s.SPF == nil:
		return ""
	case s.SPF.Skipped != "":
		return "skipped (" + s.SPF.Skipped + ")"
	}
	text := spfResult(&s.SPF.MailFrom)
	if s.SPF.HeloChecked() {
		text += ", " + spfResult(&s.SPF.Helo)
	}
	return text
}

func spfResult(r *spf.Result) string {
	why := r.Reason
	if why == "" && r.Status != spf.Pass {
		why = r.Mechanism
	}
	return fmt.Sprintf("%s %s=%s%s", r.Status, r.Identity, r.Domain, because(why))
}

// because returns a reason in parentheses, or "".
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + msg.CleanLine(why, maxWhy) + ")"
}

// dkimText returns the results of the signatures, such as
// "pass d=example.org s=s1, fail d=example.net s=a (…)".
func (s *Summary) dkimText() string {
	var b strings.Builder
	for i := range s.DKIM {
		r := &s.DKIM[i]
		if i == maxSignatures {
			fmt.Fprintf(&b, ", and %d more", len(s.DKIM)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(r.Status))
		if r.Domain != "" {
			b.WriteString(" d=" + r.Domain)
		}
		if r.Selector != "" {
			b.WriteString(" s=" + r.Selector)
		}
		b.WriteString(because(r.Reason))
	}
	return b.String()
}

// arcText returns the result of the chain, such as "pass i=2 d=example.net", with the newest sealer.
func (s *Summary) arcText() string {
	r := s.ARC
	switch {
	case r == nil:
		return ""
	case r.Status == arc.None:
		return string(r.Status)
	}
	text := fmt.Sprintf("%s i=%d", r.Status, r.Instances)
	if n := len(r.Sets); n > 0 {
		text += " d=" + r.Sets[n-1].Domain
	}
	return text + because(r.Reason)
}

// dmarcText returns the result of DMARC for the log line, such as
// "fail from=example.org p=reject at example.org, override …".
func (s *Summary) dmarcText() string {
	o := s.DMARC
	switch {
	case o == nil:
		return ""
	case o.Skipped != "":
		return "skipped (" + o.Skipped + ")"
	}
	text := fmt.Sprintf("%s from=%s", o.Status, o.AuthorDomain)
	if o.FailPolicy != "" {
		text += fmt.Sprintf(" %s=%s at %s", o.PolicyTag, o.FailPolicy, o.PolicyDomain)
	}
	if o.Status == dmarc.StatusFail {
		text += fmt.Sprintf(" disposition=%s", o.Disposition())
	}
	if o.Override != nil {
		text += fmt.Sprintf(" override=%s%s", o.Override.Type, because(o.Override.Comment))
	}
	if o.DryRun && o.Action != dmarc.Accept {
		text += fmt.Sprintf(" dryrun=%s", o.Action)
	}
	if len(o.Reasons) > 0 {
		text += because(strings.TrimSuffix(o.Reasons[0], "."))
	}
	return text
}
