//go:build integration

package integration_test

import (
	"bytes"
	"crypto"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
)

// letter is a message of the generator, and what is in it.
type letter struct {
	n          int
	client     string // the address of the client
	loggedIn   bool
	helo       name
	from       name // of the envelope; the zero name for a bounce
	authors    []author
	shape      shape
	signatures []signature
	chain      chain
	upper      bool // domains are written in upper case
	forged     []string
	fields     []string // of the header, each with its line end, without the forged ones
	data       string   // the whole message
}

// name is a name that SPF checks, and its result for a client that "pass" allows.
type name struct{ domain, result string }

// shape is how the From field names the authors.
type shape string

const (
	oneAuthor  shape = "one author"
	sameDomain shape = "two authors of a domain"
	twoDomains shape = "authors of two domains"
	twoFields  shape = "two From fields"
	noAuthor   shape = "no From field"
)

// signature is a signature of DKIM.
type signature struct {
	domain, selector string
	key              crypto.Signer
	result           string // what a verifier must find
	altered          string // what was altered since: "body", "header" or ""
}

// chain is what the message has of ARC.
type chain struct {
	about   string
	sealers []string // the oldest first; nil for no chain
	seen    string   // what the newest says of DMARC
	damage  string   // what was changed since, or ""
}

func chains() []chain {
	return []chain{
		{about: "none"},
		{about: "none"},
		{about: "none"},
		{about: "other", sealers: []string{otherSealer}, seen: "pass"},
		{about: "trusted", sealers: []string{trustedSealer}, seen: "pass"},
		{about: "trusted saw fail", sealers: []string{trustedSealer}, seen: "fail"},
		{about: "other, then trusted", sealers: []string{otherSealer, trustedSealer}, seen: "pass"},
		{about: "trusted, then other", sealers: []string{trustedSealer, otherSealer}, seen: "pass"},
		{about: "results altered", sealers: []string{trustedSealer}, seen: "pass", damage: "results"},
		{about: "a field removed", sealers: []string{trustedSealer}, seen: "pass", damage: "field"},
	}
}

// forgeries are Authentication-Results fields with the name of this host, or another of its names,
// in several spellings.
func forgeries() []string {
	return []string{
		" mx.example.test; dmarc=pass header.from=bank.example",
		"MX.Example.TEST; spf=pass",
		" \"mx.example.test\"; dkim=pass header.d=bank.example",
		" (a (nested) comment) mx.example.test 1; spf=pass",
		"\r\n\tmx.example.test\r\n\t; spf=pass",
		" mx.example.test(x); dmarc=pass",
		" mail.example.test; spf=pass",
		" \"mx.ex\\ample.test\"; spf=pass",
		"\u00a0mx.example.test; spf=pass",
		" =?utf-8?q?mx.example.test?=; spf=pass",
		" =?us-ascii?B?bXguZXhhbXBsZS50ZXN0?=; spf=pass",
		" mx.example.test.; spf=pass",
		" mx . example(x). test; spf=pass",
		" mx.example.test spf=pass",
		" (mx.example.test; spf=pass",
		" \"mx.example.test; spf=pass",
		" \uff4dx.example.test; spf=pass",
	}
}

// strangers are fields of other hosts, which stay.
func strangers() []string {
	return []string{" mx.elsewhere.example; spf=pass", " mx.example.test.evil.example; spf=pass", " notmx.example.test; spf=fail"}
}

// generator composes letters. The same seed gives the same ones.
type generator struct {
	rng  *rand.Rand
	keys *keys
	dns  *resolver.Resolver
	// clients are the addresses that clients may have.
	clients []string
	// logsIn is set if the mail server can be told that a client has logged in.
	logsIn bool
}

func pick[T any](g *generator, list []T) T { return list[g.rng.IntN(len(list))] }

// letter composes a letter.
func (g *generator) letter(t *testing.T, n int) *letter {
	t.Helper()
	l := &letter{n: n, client: pick(g, g.clients), chain: pick(g, chains()), shape: oneAuthor}
	l.loggedIn = g.logsIn && g.rng.IntN(20) == 0
	l.authors = []author{pick(g, authors())}
	switch g.rng.IntN(12) {
	case 0:
		l.shape = sameDomain
	case 1, 2:
		l.shape = twoDomains
		l.authors = append(l.authors, pick(g, authors()))
	case 3:
		l.shape = pick(g, []shape{twoFields, noAuthor})
	}
	l.upper = g.rng.IntN(4) == 0
	l.helo = g.heloOf(l)
	if g.rng.IntN(6) > 0 {
		l.from = g.nameOf(l)
	}
	if l.shape == twoFields || l.shape == noAuthor {
		l.chain = chain{about: "none"}
	} else {
		g.addSignatures(l)
	}
	g.compose(t, l)
	return l
}

// nameOf returns a name that may be aligned with the author.
func (g *generator) nameOf(l *letter) name {
	base := pick(g, []string{l.authors[0].domain, l.authors[0].domain, unrelated, "y.corp.example"})
	if l.authors[0].ghost && base == l.authors[0].domain {
		base = "sp.example"
	}
	if g.rng.IntN(4) == 0 {
		return name{base, "pass"}
	}
	result := pick(g, append([]string{"pass", "pass", "pass"}, spfResults...))
	return name{"spf-" + result + "." + base, result}
}

func (g *generator) heloOf(l *letter) name {
	switch g.rng.IntN(6) {
	case 0:
		return name{"localhost", "none"}
	case 1:
		return name{"[127.0.0.2]", "none"}
	default:
		return g.nameOf(l)
	}
}

// addSignatures adds none, one, or two signatures.
func (g *generator) addSignatures(l *letter) {
	domains := []string{unrelated, "mail.y.corp.example"}
	if a := l.authors[0]; !a.ghost {
		domains = append(domains, a.domain, a.domain, "mail."+a.domain)
	} else {
		domains = append(domains, "sp.example", "mail.sp.example")
	}
	for range pick(g, []int{0, 1, 1, 2}) {
		s := signature{domain: pick(g, domains), selector: rsaSelector, key: g.keys.rsa, result: "pass"}
		if g.rng.IntN(3) == 0 {
			s.selector, s.key = ed25519Selector, g.keys.ed25519
		}
		switch g.rng.IntN(9) {
		case 0:
			s.altered, s.result = "body", "fail"
		case 1:
			s.altered, s.result = "header", "fail"
		case 2:
			s.selector, s.result = missingSelector, "permerror"
		case 3:
			s.selector, s.result = revokedSelector, "permerror"
		case 4:
			s.selector, s.result = deadSelector, "temperror"
		}
		l.signatures = append(l.signatures, s)
	}
	if len(l.signatures) == 1 && g.rng.IntN(3) == 0 { // with keys of both kinds
		pair := l.signatures[0]
		if pair.selector == rsaSelector {
			pair.selector, pair.key = ed25519Selector, g.keys.ed25519
			l.signatures = append(l.signatures, pair)
		}
	}
}

const body = "How are you?\r\n\r\nAnn\r\n"

// compose writes the message.
func (g *generator) compose(t *testing.T, l *letter) {
	t.Helper()
	l.fields = append(l.fromFields(), "To: bob@example.test\r\n", fmt.Sprintf("Subject: letter %d\r\n", l.n),
		"Date: Sun, 22 Nov 2026 07:00:00 +0000\r\n", fmt.Sprintf("Message-ID: <%d@letters.example>\r\n", l.n), "X-Empty:\r\n")
	for _, s := range slices.Backward(l.signatures) { // the last one signs first, so the first is the topmost
		l.fields = append(sign(t, l, s), l.fields...)
	}
	g.seal(t, l)
	for range g.rng.IntN(3) {
		l.fields = append([]string{"Authentication-Results:" + pick(g, strangers()) + "\r\n"}, l.fields...)
	}
	all := slices.Clone(l.fields)
	for range g.rng.IntN(4) {
		forged := "authentication-RESULTS:" + pick(g, forgeries()) + "\r\n"
		l.forged = append(l.forged, forged)
		all = slices.Insert(all, g.rng.IntN(len(all)+1), forged)
	}
	l.data = strings.Join(all, "") + "\r\n" + body
}

// written returns a domain as the letter has it. Case makes no difference.
func (l *letter) written(domain string) string {
	if l.upper {
		return strings.ToUpper(domain)
	}
	return domain
}

func (l *letter) fromFields() []string {
	first := "ann@" + l.written(l.authors[0].domain)
	switch l.shape {
	case sameDomain:
		return []string{"From: Ann <" + first + ">,\r\n\tBob <bob@" + l.written(l.authors[0].domain) + ">\r\n"}
	case twoDomains:
		return []string{"From: Ann <" + first + ">, \"b@d\" <bob@" + l.written(l.authors[1].domain) + ">\r\n"}
	case twoFields:
		return []string{"From: " + first + "\r\n", "From: " + first + "\r\n"}
	case noAuthor:
		return nil
	default:
		return []string{"From: Ann <" + first + ">\r\n"}
	}
}

// sign returns a signature of the message, or of another one that it once was.
func sign(t *testing.T, l *letter, s signature) []string {
	t.Helper()
	text := strings.Join(l.fields, "")
	if s.altered == "header" {
		text = strings.Replace(text, "Subject: ", "Subject: once ", 1)
	}
	text += "\r\n" + body
	if s.altered == "body" {
		text += "--\r\nSent from a list\r\n"
	}
	fields, err := dkim.Sign(dkim.Signing{Rules: []dkim.Rule{{
		Senders: []string{"*"}, ThirdParty: true, Keys: []dkim.Key{{Domain: s.domain, Selector: s.selector, Signer: s.key}},
	}}}, strings.NewReader(text))
	require.NoError(t, err)
	return fields
}

// seal adds the chain of ARC, and damages it.
func (g *generator) seal(t *testing.T, l *letter) {
	t.Helper()
	for i, sealer := range l.chain.sealers {
		seen := "pass"
		if i == len(l.chain.sealers)-1 {
			seen = l.chain.seen
		}
		l.fields = append([]string{fmt.Sprintf("Authentication-Results: %s; dmarc=%s header.from=%s\r\n", sealer, seen, l.authors[0].domain)}, l.fields...)
		text := []byte(strings.Join(l.fields, "") + "\r\n" + body)
		state, err := arc.Verify(t.Context(), arc.VerifierConfig{Resolver: g.dns}, bytes.NewReader(text))
		require.NoError(t, err)
		set, err := arc.Seal(arc.SealerConfig{Domain: sealer, Selector: arcSelector, Signer: g.keys.arc, AuthservID: sealer}, state, bytes.NewReader(text))
		require.NoError(t, err)
		require.Len(t, set, 3)
		l.fields = append(set, l.fields...)
	}
	switch l.chain.damage {
	case "results":
		require.Contains(t, l.fields[2], "dmarc=pass")
		l.fields[2] = strings.Replace(l.fields[2], "dmarc=pass", "dmarc=fail", 1)
	case "field":
		l.fields = slices.Delete(l.fields, 1, 2)
	}
}
