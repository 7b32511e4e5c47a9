package dmarc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

// world is a zone for tests of authors: bank.example and shop.example refuse what fails,
// evil.example has a record too, and free.example has none. All messages have a signature of
// evil.example.
const world = `
	bank.example p=reject
	shop.example p=quarantine
	evil.example p=none
	xn--bcher-kva.example p=reject
`

func TestAuthors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ section, name, from, domains, want string }{
		{"5.3.1", "an address", " a@evil.example", "evil.example", "pass"},
		{"5.3.1", "a name and an address", " Ann <a@evil.example>", "evil.example", "pass"},
		{"5.3.1", "a folded field", "\r\n Ann\r\n\t<a@evil.example>\r\n", "evil.example", "pass"},
		{"5.3.1", "folded with LF", " Ann\n <a@evil.example>", "evil.example", "pass"},
		{"5.3.1", "an encoded word", " =?utf-8?q?a=40bank.example?= <a@evil.example>", "evil.example", "pass"},
		{"11.4", "an address as display name", ` "ceo@bank.example" <a@evil.example>`, "evil.example", "pass"},
		{"11.4", "an address in a comment", " (ceo@bank.example) a@evil.example", "evil.example", "pass"},
		{"5.3.1", "a quoted local part", ` "a@bank.example"@evil.example`, "evil.example", "pass"},
		{"5.3.1", "a route", " <@bank.example:a@evil.example>", "evil.example", "pass"},
		{"5.3.1", "a group", " Us: a@evil.example;", "evil.example", "pass"},
		{"5.3.1", "upper case", " a@EVIL.Example", "evil.example", "pass"},
		{"5.3.1", "U-labels", " a@bücher.example", "xn--bcher-kva.example", "fail reject p"},
		{"5.3.1", "U-labels in upper case", " a@BÜCHER.example", "xn--bcher-kva.example", "fail reject p"},
		{"5.3.1", "an ideographic full stop", " a@bücher。example", "xn--bcher-kva.example", "fail reject p"},
		{"5.3.1", "a dot at the end", " a@bank.example.", "bank.example", "fail reject p"},
		{"5.3.1", "a display name that is not UTF-8", " \xfcber <a@evil.example>", "evil.example", "pass"},
		{"5.3.1", "two addresses of a domain", " a@evil.example, b@evil.example", "evil.example", "pass"},

		{"11.5", "several domains: the strictest", " a@evil.example, b@shop.example, c@bank.example", "evil.example shop.example bank.example", "fail reject p"},
		{"11.5", "in another order", " c@bank.example, b@shop.example, a@evil.example", "bank.example shop.example evil.example", "fail reject p"},
		{"11.5", "in a group", " x: a@evil.example, c@bank.example;", "evil.example bank.example", "fail reject p"},
		{"11.5", "none beside pass", " a@evil.example, b@free.example", "evil.example free.example", "none"},
		{"11.5", "an address beside pass", " a@evil.example, b@[192.0.2.1]", "evil.example [192.0.2.1]", "permerror"},
		{"11.5", "five domains", " a@evil.example, a@1.example, a@2.example, a@3.example, a@bank.example", "evil.example 1.example 2.example 3.example bank.example", "fail reject p"},
		{"11.5", "six domains", " a@evil.example, a@1.example, a@2.example, a@3.example, a@4.example, a@bank.example", "", "permerror"},

		{"4.4", "empty", "", "", "permerror"},
		{"4.4", "no address", " undisclosed", "", "permerror"},
		{"4.4", "an empty group", " undisclosed:;", "", "permerror"},
		{"4.4", "the null address", " <>", "", "permerror"},
		{"4.4", "no domain beside a domain", " ceo, a@evil.example, b@evil.example", " evil.example", "permerror"},
		{"5.3.1", "an IPv4 literal", " a@[192.0.2.1]", "[192.0.2.1]", "permerror"},
		{"5.3.1", "an IPv6 literal", " a@[IPv6:2001:db8::1]", "[ipv6:2001:db8::1]", "permerror"},
		{"5.3.1", "an IPv4 address", " a@192.0.2.1", "192.0.2.1", "permerror"},
		{"5.3.1", "an empty label", " a@bank..example", "bank..example", "permerror"},
		{"5.3.1", "a label that is too long", " a@" + strings.Repeat("a", 64) + ".bank.example", strings.Repeat("a", 64) + ".bank.example", "permerror"},
		{"5.3.1", "not UTF-8", " a@b\xffnk.example", "b\ufffdnk.example", "permerror"},
		{"5.3.1", "a label that is not UTF-8", " a@\xff.example", "\ufffd.example", "permerror"},
		{"5.3.1", "longer than 64 KiB", " a@evil.example" + strings.Repeat(" ", 1<<16), "", "permerror"},

		{"11.5", "a name with @ without quotes", " ceo@bank.example <a@evil.example>", "evil.example", "pass"},
		{"11.5", "a comma without quotes", " Smith, Ann <a@evil.example>", "evil.example", "pass"},
		{"11.5", "a bracket that does not end", " Ann <a@evil.example", "evil.example", "pass"},
		{"11.5", "a quote that does not end", ` "ceo@bank.example <a@evil.example>`, "evil.example bank.example", "fail reject p"},
		{"11.5", "a comment that does not end", " a@evil.example (ceo@bank.example", "evil.example bank.example", "fail reject p"},
		{"11.5", "no comma between addresses", " a@evil.example c@bank.example", "evil.example bank.example", "fail reject p"},
		{"11.5", "a fold behind an @", " <c@\r\n bank.example <a@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "two @", " a@bank.example@evil.example", "evil.example bank.example", "fail reject p"},
		{"11.5", "two @ in brackets", " Ann <a@bank.example@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "two brackets", " <a@evil.example> <c@bank.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "two brackets, one without an end", " <c@bank.example <a@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "an encoded @", " =?utf-8?q?ceo=40bank.example?= a@evil.example", "evil.example bank.example", "fail reject p"},
		{"11.5", "a wide @", " ceo\uff20bank.example, a@evil.example c", " evil.example bank.example", "fail reject p"},
		{"11.5", "a small @", " ceo\ufe6bbank.example, a@evil.example c", " evil.example bank.example", "fail reject p"},
		{"11.5", "a comment that does not end before brackets", " Ann (ceo@bank.example <a@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "too many encoded words", " a@evil.example " + strings.Repeat("=?utf-8?q?a?= ", 1500), "", "permerror"},
		{"11.5", "NUL before brackets", " c@bank.example\x00<a@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "CR before brackets", " c@bank.example\r<a@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "CR behind a bare address", " c@bank.example\rX: <a@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "CR in a quoted string", " \"c@bank.example\rFrom: x\" <a@evil.example>", "evil.example bank.example", "fail reject p"},
		{"11.5", "CR and another field", " a@evil.example (\rFrom: c@bank.example\rX: )", "evil.example bank.example", "fail reject p"},
		{"11.5", "LF and another field", " a@evil.example (\nFrom: c@bank.example\r\n)", "evil.example bank.example", "fail reject p"},
		{"5.3.1", "an end of line at the end", " a@evil.example\n", "evil.example", "pass"},
		{"11.5", "NUL", " a@evil.example\x00c@bank.example", "evil.example bank.example", "fail reject p"},
	} {
		r := dmarc.Evaluate(t.Context(), resolvertest.New(t, records(world)), dmarc.Input{
			From: []string{c.from}, DKIM: []dmarc.DKIM{{Result: "pass", Domain: "evil.example"}},
		})
		assert.Equal(t, c.want, outcome(r), "%s: %s: %q", c.section, c.name, r.Reasons)
		assert.Equal(t, c.domains, strings.Join(r.AuthorDomains, " "), "%s: %s", c.section, c.name)
		checkResult(t, r)
	}
}

// A message has one From field (section 4.4). Two fields are never a pass, even if they are
// equal, and no domain is asked.
func TestFromFields(t *testing.T) {
	t.Parallel()
	const evil = " a@evil.example"
	for want, from := range map[string][]string{
		"The message has no From field, and so no author.":                                                  {},
		"The message has 2 From fields, and RFC 5322 allows one: which author a reader sees is not known.":  {evil, evil},
		"The message has 3 From fields, and RFC 5322 allows one: which author a reader sees is not known.":  {evil, evil, " c@bank.example"},
		"The From field is longer than 64 KiB.":                                                             {strings.Repeat("a", 64<<10+1)},
		"The From field has no address, and so the message has no author.":                                  {" x:;"},
		"The message has authors of more than 5 domains, too many to evaluate.":                             {" a@1.x, a@2.x, a@3.x, a@4.x, a@5.x, a@6.x"},
		"The author has nothing in place of a domain, and so no DMARC record can apply.":                    {" postmaster"},
		`The author has the IP address "192.0.2.1" in place of a domain, and so no DMARC record can apply.`: {" a@192.0.2.1"},
		`The author has the malformed name "a..b" in place of a domain, and so no DMARC record can apply.`:  {" a@a..b"},
		`The author has the malformed name "b�nk" in place of a domain, and so no DMARC record can apply.`:  {" a@b\xffnk"},
	} {
		dns := &counter{Resolver: resolvertest.New(t, records(world))}
		r := dmarc.Evaluate(t.Context(), dns, dmarc.Input{From: from, DKIM: []dmarc.DKIM{{Result: "pass", Domain: "evil.example"}}})
		assert.Equal(t, dmarc.StatusPermError, r.Status, want)
		assert.Equal(t, want, r.Reasons[0])
		assert.Empty(t, dns.names)
		checkResult(t, r)
	}
}

func TestAuthorDomains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		domains []string
		want    string
	}{
		{[]string{"evil.example"}, "pass"},
		{[]string{"EVIL.example."}, "pass"},
		{[]string{"evil.example", "Evil.Example"}, "pass"},
		{[]string{"evil.example", "bank.example"}, "fail reject p"},
		{[]string{}, "permerror"},
		{[]string{""}, "permerror"},
	} {
		r := dmarc.Evaluate(t.Context(), resolvertest.New(t, records(world)), dmarc.Input{
			From: []string{"a@free.example"}, AuthorDomains: c.domains, DKIM: []dmarc.DKIM{{Result: "pass", Domain: "evil.example"}},
		})
		assert.Equal(t, c.want, outcome(r), c.domains)
		checkResult(t, r)
	}
}

// With several authors, a message passes only if it passes for each. What matters more to a
// receiver decides otherwise.
func TestWorstAuthor(t *testing.T) {
	t.Parallel()
	const zone = `
		pass.example p=reject
		mild.example p=none
		quarantine.example p=quarantine
		reject.example p=reject
		pass.test p=reject`
	// The order from the best to the worst.
	order := []string{"pass.example", "none.example", "mild.example", "192.0.2.1", "broken.example", "quarantine.example", "reject.example"}
	dns := resolvertest.New(t, records(zone), resolvertest.Fail("_dmarc.broken.example"))
	for i, better := range order {
		for _, worse := range order[i+1:] {
			for _, from := range []string{"a@%s, b@%s", "b@%[2]s, a@%[1]s"} {
				r := dmarc.Evaluate(t.Context(), dns, dmarc.Input{
					From: []string{fmt.Sprintf(from, better, worse)},
					DKIM: []dmarc.DKIM{{Result: "pass", Domain: "pass.example"}, {Result: "pass", Domain: "pass.test"}},
				})
				assert.Equal(t, worse, r.AuthorDomain, "%s beside %s", worse, better)
				assert.Contains(t, strings.Join(r.Reasons, " "), "The message has authors of 2 domains, and this result is the worst of them")
				checkResult(t, r)
			}
		}
	}
	r := dmarc.Evaluate(t.Context(), dns, dmarc.Input{
		From: []string{"a@pass.example, b@pass.test"},
		DKIM: []dmarc.DKIM{{Result: "pass", Domain: "pass.example"}, {Result: "pass", Domain: "pass.test"}},
	})
	assert.Equal(t, dmarc.StatusPass, r.Status)
}
