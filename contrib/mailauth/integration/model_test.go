//go:build integration

package integration_test

import (
	"fmt"
	"slices"
	"strings"
)

// verdict is what must become of a letter.
type verdict struct {
	action   string   // in the words of the summaries
	results  []string // of the field: the method, its result, and the properties that matter
	spf      []string // in the log: of MAIL FROM, and of HELO unless the letter is a bounce
	dkim     []string
	arc      string
	dmarc    string
	override bool
	chain    string // the state of the chain that this host has sealed, or ""
	sets     int    // in it
}

// allowed are the clients that "pass" allows.
var allowed = []string{"127.0.0.2", "192.0.2.7", "2001:db8::7"}

// local reports whether the client is one of this host's own.
func (l *letter) own() bool { return l.loggedIn || l.client == "127.0.0.1" }

// spfOf returns the result of SPF for a name.
func (l *letter) spfOf(n name) string {
	switch {
	case l.own():
		return "none"
	case n.result == "pass" && !slices.Contains(allowed, l.client):
		return "fail"
	default:
		return n.result
	}
}

// judge is the model: what must become of a letter.
func (l *letter) judge() *verdict {
	v := &verdict{arc: "none"}
	l.judgeSPF(v)
	for _, s := range l.signatures {
		v.results = append(v.results, fmt.Sprintf("dkim=%s header.d=%s header.s=%s", s.result, s.domain, s.selector))
		v.dkim = append(v.dkim, fmt.Sprintf("%s d=%s s=%s", s.result, s.domain, s.selector))
	}
	if len(l.signatures) == 0 {
		v.results, v.dkim = append(v.results, "dkim=none"), []string{"none"}
	}
	l.judgeChain(v)
	l.judgeDMARC(v)
	return v
}

func (l *letter) judgeSPF(v *verdict) {
	if l.own() {
		v.results, v.spf = []string{"spf=none"}, []string{"skipped (the client "}
		if l.from.domain == "" {
			v.results[0] += " smtp.mailfrom=postmaster@" + l.helo.domain
		} else {
			v.results[0] += " smtp.mailfrom=ann@" + l.from.domain
		}
		return
	}
	helo := l.spfOf(l.helo)
	if l.from.domain == "" {
		v.results = []string{fmt.Sprintf("spf=%s smtp.mailfrom=postmaster@%s smtp.helo=%[2]s", helo, l.helo.domain)}
		v.spf = []string{fmt.Sprintf("%s mailfrom=%s", helo, l.helo.domain)}
		return
	}
	result := l.spfOf(l.from)
	v.results = []string{
		fmt.Sprintf("spf=%s smtp.mailfrom=ann@%s", result, l.from.domain), fmt.Sprintf("spf=%s smtp.helo=%s", helo, l.helo.domain),
	}
	v.spf = []string{fmt.Sprintf("%s mailfrom=%s", result, l.from.domain), fmt.Sprintf("%s helo=%s", helo, l.helo.domain)}
}

func (l *letter) judgeChain(v *verdict) {
	v.sets = len(l.chain.sealers) + 1
	switch {
	case l.chain.sealers == nil:
		v.results = append(v.results, "arc=none")
		v.chain = "pass"
	case l.chain.damage != "":
		v.arc = fmt.Sprintf("fail i=%d", len(l.chain.sealers))
		v.results = append(v.results, "arc=fail")
		v.chain = "fail"
	default:
		newest := slices.Clone(l.chain.sealers)
		slices.Reverse(newest)
		v.arc = fmt.Sprintf("pass i=%d d=%s", len(newest), newest[0])
		v.results = append(v.results, "arc=pass arc.chain="+strings.Join(newest, ":"))
		v.chain = "pass"
	}
	if l.own() || l.shape == noAuthor {
		v.chain = ""
	}
}

// dmarcResult is the result of DMARC for one author.
type dmarcResult struct {
	severity              int
	status, policy, about string
}

// dmarcOf is the model of DMARC for one author.
func (l *letter) dmarcOf(a author) dmarcResult {
	if a.status != "" {
		return dmarcResult{map[string]int{"none": 1, "temperror": 4}[a.status], a.status, "", a.domain}
	}
	aligned := func(domain string) bool {
		return domain == a.domain || !a.strict && organizationOf(domain) == organizationOf(a.domain)
	}
	identity := l.from
	if identity.domain == "" {
		identity = l.helo
	}
	results := map[string][]string{l.spfOf(identity): {identity.domain}}
	for _, s := range l.signatures {
		results[s.result] = append(results[s.result], s.domain)
	}
	switch {
	case slices.ContainsFunc(results["pass"], aligned):
		return dmarcResult{0, "pass", a.policy, a.domain}
	case slices.ContainsFunc(results["temperror"], aligned):
		return dmarcResult{4, "temperror", "", a.domain}
	default:
		return dmarcResult{map[string]int{"none": 2, "quarantine": 5, "reject": 6}[a.policy], "fail", a.policy, a.domain}
	}
}

func (l *letter) judgeDMARC(v *verdict) {
	v.action = "accept"
	switch {
	case l.own():
		v.dmarc = "skipped (the client "
		text := "dmarc=none"
		if l.shape != twoFields && l.shape != noAuthor {
			text += " header.from=" + l.authors[0].domain
		}
		v.results = append(v.results, text)
		return
	case l.shape == twoFields || l.shape == noAuthor:
		v.action, v.dmarc = "reject", "permerror from="
		v.results = append(v.results, "dmarc=permerror")
		return
	}
	worst := l.dmarcOf(l.authors[0])
	for _, a := range l.authors[1:] {
		if r := l.dmarcOf(a); r.severity > worst.severity {
			worst = r
		}
	}
	v.dmarc = worst.status + " from=" + worst.about
	text := fmt.Sprintf("dmarc=%s header.from=%s", worst.status, worst.about)
	if worst.policy != "" {
		text += " policy.dmarc=" + worst.policy
	}
	v.results = append(v.results, text)
	v.override = worst.status == "fail" && l.trusted()
	switch {
	case v.override:
	case worst.status == "temperror":
		v.action = "tempfail"
	case worst.status == "fail" && worst.policy == "reject":
		v.action = "reject"
	case worst.status == "fail" && worst.policy == "quarantine":
		v.action = "hold"
	}
}

// trusted reports whether a trusted sealer says that the message passed for its only author.
func (l *letter) trusted() bool {
	one := len(l.authors) == 1 || l.authors[0].domain == l.authors[1].domain
	return one && l.chain.damage == "" && l.chain.seen == "pass" &&
		len(l.chain.sealers) > 0 && l.chain.sealers[len(l.chain.sealers)-1] == trustedSealer
}
