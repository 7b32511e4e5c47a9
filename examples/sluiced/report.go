package main

import (
	"cmp"
	"context"
	"math"
	"strings"
	"time"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/wire/mta"
)

// report is what check-message prints. The names of the fields do not change. What is not known
// is null: a method is turned off, the file has no filter authenticate, or the message was
// refused before.
type report struct {
	SPF   *spfReport   `json:"spf"`
	DKIM  []dkimReport `json:"dkim"` // empty for a message without a signature
	DMARC *dmarcReport `json:"dmarc"`
	ARC   *string      `json:"arc"` // none, pass or fail
	// Action is accept, reject, tempfail, quarantine or discard.
	Action string `json:"action"`
	// AuthenticationResults is the value of the field that the message gets, or would get.
	AuthenticationResults string `json:"authentication_results"`

	// Reply is what the client gets if the message is refused, or "".
	Reply string `json:"reply"`
	// Stage is where the filters decided, and By the filter that refused the message, or "".
	Stage string `json:"stage"`
	By    string `json:"by"`
	// Hold is why the message is held, or "".
	Hold string `json:"hold"`
	// Refused are the recipients that were refused.
	Refused []refusedReport `json:"refused_recipients"`
	// Reasons are sentences that explain the results.
	ARCChain *arcReport  `json:"arc_chain"`
	Reasons  []string    `json:"reasons"`
	Edits    editReport  `json:"edits"`
	DNS      []dnsReport `json:"dns"`
	// DNSLeftOut is the number of lookups that are not in DNS, because there were too many.
	DNSLeftOut int `json:"dns_left_out"`

	unseen bool // whether the file has a filter authenticate, which did not see the message
}

type spfReport struct {
	MailFrom       string `json:"mailfrom"`
	Helo           string `json:"helo"`
	MailFromDomain string `json:"mailfrom_domain"`
	HeloDomain     string `json:"helo_domain"`
	MailFromReason string `json:"mailfrom_reason"`
	HeloReason     string `json:"helo_reason"`
	Skipped        string `json:"skipped"`
}

type dkimReport struct {
	Domain    string `json:"domain"`
	Result    string `json:"result"`
	Selector  string `json:"selector"`
	Algorithm string `json:"algorithm"`
	Reason    string `json:"reason"`
}

type arcReport struct {
	Reason  string   `json:"reason"`
	Sealers []string `json:"sealers"` // the domains, the oldest first
}

type dmarcReport struct {
	Result         string           `json:"result"`
	Policy         string           `json:"policy"`
	Author         string           `json:"author"`
	Organizational string           `json:"organizational"`
	PolicyDomain   string           `json:"policy_domain"`
	PolicyTag      string           `json:"policy_tag"`
	Testing        bool             `json:"testing"`
	Disposition    string           `json:"disposition"`
	Override       string           `json:"override"`
	Skipped        string           `json:"skipped"`
	Identities     []identityReport `json:"identities"`
}

type identityReport struct {
	Method  string `json:"method"`
	Domain  string `json:"domain"`
	Result  string `json:"result"`
	Aligned bool   `json:"aligned"`
}

type refusedReport struct {
	Recipient string `json:"recipient"`
	Reply     string `json:"reply"`
}

type editReport struct {
	Added             []fieldReport  `json:"added"`
	Changed           []changeReport `json:"changed"`
	Deleted           []fieldReport  `json:"deleted"`
	AddedRecipients   []string       `json:"added_recipients"`
	DeletedRecipients []string       `json:"deleted_recipients"`
	Sender            *string        `json:"sender"`
	Body              bool           `json:"body"`
}

type fieldReport struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type changeReport struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

type dnsReport struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	Answer string  `json:"answer"`
	Cached bool    `json:"cached"`
	Ms     float64 `json:"ms"`
}

// newReport returns a report with what happens to the message.
func newReport(r *trial.Result) *report {
	rep := &report{
		Action: string(r.Action), Reply: r.Reply.String(), Stage: stageInWords(r.Stage), Hold: r.Quarantine,
		Refused: lo.Map(r.Refused, func(f trial.Refusal, _ int) refusedReport { return refusedReport{f.Recipient, f.Reply.String()} }),
		Reasons: []string{}, AuthenticationResults: strings.Join(lo.Map(r.Results, func(v string, _ int) string { return unfolded(v) }), "; "),
	}
	field := func(f trial.Field, _ int) fieldReport { return fieldReport{f.Name, unfolded(f.Value)} }
	e := &r.Edits
	rep.Edits = editReport{
		Added: lo.Map(e.Added, field), Deleted: lo.Map(e.Deleted, field),
		Changed: lo.Map(e.Changed, func(c trial.Change, _ int) changeReport {
			return changeReport{c.Before.Name, unfolded(c.Before.Value), unfolded(c.After.Value)}
		}),
		AddedRecipients: append([]string{}, e.AddedRecipients...), DeletedRecipients: append([]string{}, e.DeletedRecipients...), Body: e.Body,
	}
	if e.Sender {
		rep.Edits.Sender = &r.Sender
	}
	return rep
}

// stageInWords returns the name of a stage, such as "end of message".
func stageInWords(s mta.Stage) string {
	return strings.ToLower(strings.Replace(string(s), "EndOf", "end of ", 1))
}

// unfolded returns the value of a field as one line.
func unfolded(value string) string { return strings.Join(strings.Fields(value), " ") }

// addSummary adds the results of the methods.
func (r *report) addSummary(s *mailauth.Summary) {
	r.By = s.By
	if r.AuthenticationResults == "" {
		if text, err := authres.Format(s.AuthRes()); err == nil {
			r.AuthenticationResults = unfolded(text)
		}
	}
	r.addSPF(s.SPF)
	r.addDKIM(s)
	r.addARC(s.ARC)
	r.addDMARC(s.DMARC)
}

func (r *report) addSPF(s *spf.Results) {
	if s == nil {
		return
	}
	r.SPF = &spfReport{
		MailFrom: string(s.MailFrom.Status), Helo: string(s.Helo.Status),
		MailFromDomain: s.MailFrom.Domain, HeloDomain: s.Helo.Domain,
		MailFromReason: spfReason(&s.MailFrom), HeloReason: spfReason(&s.Helo), Skipped: s.Skipped,
	}
}

// spfReason says in a sentence what decided.
func spfReason(r *spf.Result) string {
	switch {
	case r.Reason != "":
		return r.Reason
	case r.Mechanism == "default":
		return "no mechanism of the record of " + r.Domain + " matches the client"
	case r.Mechanism != "":
		return "the record of " + r.Domain + " has " + r.Mechanism
	default:
		return ""
	}
}

func (r *report) addDKIM(s *mailauth.Summary) {
	if s.DKIM == nil {
		return
	}
	signed := lo.Filter(s.DKIM, func(d dkim.Result, _ int) bool { return d.Status != dkim.StatusNone })
	r.DKIM = lo.Map(signed, func(d dkim.Result, _ int) dkimReport {
		return dkimReport{Domain: d.Domain, Result: string(d.Status), Selector: d.Selector, Algorithm: d.Algorithm, Reason: d.Reason}
	})
}

func (r *report) addARC(c *arc.Result) {
	if c == nil {
		return
	}
	r.ARC = new(string(c.Status))
	r.ARCChain = &arcReport{c.Reason, lo.Map(c.Sets, func(s arc.Set, _ int) string { return s.Domain })}
}

func (r *report) addDMARC(o *dmarc.Outcome) {
	if o == nil {
		return
	}
	d := &dmarcReport{
		Result: string(o.Status), Policy: string(asked(o.FailPolicy, o.Record, o.PolicyDomain == o.AuthorDomain)), Author: o.AuthorDomain,
		Organizational: o.OrganizationalDomain, PolicyDomain: o.PolicyDomain, PolicyTag: o.PolicyTag,
		Testing: o.Record != nil && o.Record.Testing, Disposition: string(o.Disposition()), Skipped: o.Skipped,
		Identities: lo.Map(o.Identities, func(i dmarc.Identity, _ int) identityReport {
			return identityReport{i.Method, i.Domain, i.Result, i.Aligned}
		}),
	}
	if o.Override != nil {
		d.Override = string(o.Override.Type) + ": " + o.Override.Comment
	}
	r.DMARC = d
	r.Reasons = append(r.Reasons, o.Reasons...)
}

// asked returns what a record asks for, or PolicyNone if there is none. The evaluation says so
// itself, unless the message passed and it had no need to know. own says that the record is that
// of the author domain itself.
func asked(known dmarc.Policy, record *dmarc.Record, own bool) dmarc.Policy {
	switch {
	case known != "":
		return known
	case record == nil:
		return dmarc.PolicyNone
	case !own && record.SubdomainPolicy != "":
		return record.SubdomainPolicy
	default:
		return record.Policy
	}
}

// complete looks up what the evaluation had no need of: the organizational domain, and the
// policy.
func (r *report) complete(ctx context.Context, dns *resolver.Resolver, s *mailauth.Summary) {
	d := r.DMARC
	if d == nil || d.Author == "" || d.Organizational != "" && s.DMARC.Record != nil {
		return
	}
	found, err := dmarc.Discover(ctx, dns, d.Author)
	if err != nil {
		r.Reasons = append(r.Reasons, "The organizational domain of "+d.Author+" is not known: "+err.Error()+".")
	}
	if found == nil {
		return
	}
	d.Organizational = cmp.Or(d.Organizational, found.OrganizationalDomain)
	if s.DMARC.Record == nil && found.Record != nil {
		d.PolicyDomain, d.Testing = found.PolicyDomain, found.Record.Testing
		d.Policy = string(asked("", found.Record, found.PolicyDomain == found.Domain))
	}
}

// addLookups adds the lookups in the DNS.
func (r *report) addLookups(list []resolver.Lookup, leftOut int) {
	r.DNSLeftOut = leftOut
	r.DNS = lo.Map(list, func(l resolver.Lookup, _ int) dnsReport {
		ms := math.Round(float64(l.Duration)/float64(time.Microsecond)) / 1000
		return dnsReport{l.Name, l.Type.String(), l.Outcome(), l.Source == resolver.FromCache, ms}
	})
}
