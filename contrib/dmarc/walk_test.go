package dmarc_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

// records returns a zone with DMARC records. Each line has a domain and the tags behind the
// version. Other lines, whose second word is in upper case, are records of a zone.
func records(text string) string {
	var zone strings.Builder
	for line := range strings.Lines(text) {
		domain, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		word, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		switch {
		case !ok:
		case word == strings.ToUpper(word):
			zone.WriteString(domain + ". " + rest + "\n")
		default:
			zone.WriteString("_dmarc." + domain + `. TXT "v=DMARC1; ` + strings.TrimSpace(rest) + "\"\n")
		}
	}
	return zone.String()
}

// counter counts the queries that reach a resolver.
type counter struct {
	dmarc.Resolver

	mu    sync.Mutex
	names []string
}

func (c *counter) ask(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names = append(c.names, name)
}

func (c *counter) LookupTXT(ctx context.Context, name string) ([]string, error) {
	c.ask(name)
	return c.Resolver.LookupTXT(ctx, name)
}

func (c *counter) LookupA(ctx context.Context, name string) ([]netip.Addr, error) {
	c.ask(name)
	return c.Resolver.LookupA(ctx, name)
}

func queried(queries []dmarc.Query) []string {
	names := make([]string, len(queries))
	for i := range queries {
		names[i] = queries[i].Name
	}
	return names
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	const long = "a.b.c.d.e.f.g.h.i.j.k.example.com"
	for _, c := range []struct {
		section, name, zone, domain string
		organization, policy        string // policy is the domain with the record
		queries                     int
	}{
		{"4.10.2", "no record at all", ``, "a.mail.example.com", "a.mail.example.com", "", 4},
		{"4.10.2", "the first example", `
			mail.example.com p=none
			example.com p=none`, "a.mail.example.com", "example.com", "example.com", 4},
		{"4.10.2", "the second example: psd=n", `
			mail.example.com p=none; psd=n
			example.com p=none`, "a.mail.example.com", "mail.example.com", "mail.example.com", 2},
		{"4.10.2", "the last example: psd=y", `com p=none; psd=y`, "a.mail.example.com", "example.com", "com", 4},
		{"4.10.2 rule 2", "psd=y in the middle", `example.com p=none; psd=y`, "a.mail.example.com", "mail.example.com", "example.com", 3},
		{"4.10.2 rule 2", "psd=y at the start", `example.com p=none; psd=y`, "example.com", "example.com", "example.com", 1},
		{"4.10.2 rule 2", "the domain below has a record", `
			co.uk p=none; psd=y
			example.co.uk p=reject`, "a.example.co.uk", "example.co.uk", "example.co.uk", 3},
		{"4.10.2 rule 2", "a record between does not matter", `
			co.uk p=none; psd=y
			b.example.co.uk p=reject`, "a.b.example.co.uk", "example.co.uk", "co.uk", 4},
		{"4.10.2 rule 1", "psd=n at the start", `example.com p=none; psd=n`, "example.com", "example.com", "example.com", 1},
		{"4.10.2 rule 1", "psd=n is before psd=y", `
			com p=none; psd=y
			mail.example.com p=none; psd=n`, "a.mail.example.com", "mail.example.com", "mail.example.com", 2},
		{"4.10.2 rule 3", "the fewest labels", `
			a.example.com p=none
			example.com p=none
			com p=none`, "a.example.com", "com", "a.example.com", 3},
		{"4.10.2 rule 3", "only the start", `a.example.com p=none`, "a.example.com", "a.example.com", "a.example.com", 3},
		{"4.10.1", "the author domain before the organizational one", `
			a.example.com p=none
			example.com p=none`, "a.example.com", "example.com", "a.example.com", 3},
		{"4.10.1", "the organizational domain before others", `
			b.example.com p=none
			example.com p=none`, "a.b.example.com", "example.com", "example.com", 4},
		{"4.10.1", "a record without effect counts as the author's", `
			a.example.com x=y
			example.com p=none`, "a.example.com", "example.com", "a.example.com", 3},
		{"4.10 step 2", "two records are none", `
			a.example.com p=none
			a.example.com p=reject
			example.com p=none`, "a.example.com", "example.com", "example.com", 3},
		{"4.10 step 2", "psd in two records does not end the walk", `
			a.example.com p=none; psd=n
			a.example.com p=none; psd=n
			example.com p=none`, "a.example.com", "example.com", "example.com", 3},
		{"4.10 step 2", "other texts are discarded", `
			_dmarc.a.example.com TXT "v=spf1 -all"
			_dmarc.a.example.com TXT "v=DMARC1; p=none"
			_dmarc.a.example.com TXT "v=dmarc1; p=reject"`, "a.example.com", "a.example.com", "a.example.com", 3},
		{"4.10 step 2", "only other texts", `
			_dmarc.a.example.com TXT "v=spf1 -all"
			example.com p=none`, "a.example.com", "example.com", "example.com", 3},
		{"4.10 step 6", "psd=u does not end the walk", `
			a.example.com p=none; psd=u
			example.com p=none`, "a.example.com", "example.com", "a.example.com", 3},
		{"4.5", "strings are joined", `
			_dmarc.example.com TXT "v=DMARC1; p=re" "ject; psd=n"`, "example.com", "example.com", "example.com", 1},
		{"4.10 step 4", "seven labels", ``, "a.b.c.d.e.f.com", "a.b.c.d.e.f.com", "", 7},
		{"4.10 step 4", "eight labels", ``, "a.b.c.d.e.f.g.com", "a.b.c.d.e.f.g.com", "", 8},
		{"4.10 step 4", "nine labels", ``, "a.b.c.d.e.f.g.h.com", "a.b.c.d.e.f.g.h.com", "", 8},
		{"4.10", "the example of thirteen labels", `example.com p=none`, "a.b.c.d.e.f.g.h.i.j.mail.example.com", "example.com", "example.com", 8},
		{"B.4.2", "deep tree walk", `example.com p=none`, long, "example.com", "example.com", 8},
		{"5.1.8", "a record that is not found", `
			b.c.d.e.f.g.example.com p=none; psd=n
			example.com p=none`, "mail.a.b.c.d.e.f.g.example.com", "example.com", "example.com", 8},
		{"5.1.8", "a record at the start is found", `
			mail.a.b.c.d.e.f.g.example.com p=none; psd=n
			example.com p=none`, "mail.a.b.c.d.e.f.g.example.com", "mail.a.b.c.d.e.f.g.example.com", "mail.a.b.c.d.e.f.g.example.com", 1},
		{"4.10.2 rule 2", "one label below a public suffix of seven", `
			e.f.g.h.i.j.com p=none; psd=y`, "a.b.c.d.e.f.g.h.i.j.com", "d.e.f.g.h.i.j.com", "e.f.g.h.i.j.com", 2},
		{"B.4.1", "simple", `
			example.com p=none
			signing.example.com p=none`, "signing.example.com", "example.com", "signing.example.com", 3},
		{"11.8", "a public suffix without psd=y is taken for an organization", `
			com p=none
			example.com p=none`, "example.com", "com", "example.com", 2},
		{"11.8", "psd=n protects from that", `
			com p=none
			example.com p=none; psd=n`, "example.com", "example.com", "example.com", 1},
		{"4.4", "case does not matter", `example.com p=none`, "A.Example.COM", "example.com", "example.com", 3},
		{"5.3.1", "U-labels", `xn--bcher-kva.example p=none`, "a.Bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example", 3},
		{"5.3.1", "a dot at the end", `example.com p=none`, "a.example.com.", "example.com", "example.com", 3},
		{"4.10", "one label", `localhost p=none`, "localhost", "localhost", "localhost", 1},
	} {
		r := &counter{Resolver: resolvertest.New(t, records(c.zone))}
		d, err := dmarc.Discover(t.Context(), r, c.domain)
		require.NoError(t, err, "%s: %s", c.section, c.name)
		assert.Equal(t, c.organization, d.OrganizationalDomain, "%s: %s", c.section, c.name)
		assert.Equal(t, c.policy, d.PolicyDomain, "%s: %s", c.section, c.name)
		assert.Equal(t, c.policy != "", d.Record != nil, "%s: %s", c.section, c.name)
		assert.Len(t, r.names, c.queries, "%s: %s", c.section, c.name)
		assert.Equal(t, strings.Join(r.names, " "), strings.Join(queried(d.Queries), ". ")+".", "%s: %s", c.section, c.name)
	}
}

// The names are those of the example in section 4.10.
func TestWalkNames(t *testing.T) {
	t.Parallel()
	d, err := dmarc.Discover(t.Context(), resolvertest.New(t, ""), "a.b.c.d.e.f.g.h.i.j.mail.example.com")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
		"_dmarc.g.h.i.j.mail.example.com",
		"_dmarc.h.i.j.mail.example.com",
		"_dmarc.i.j.mail.example.com",
		"_dmarc.j.mail.example.com",
		"_dmarc.mail.example.com",
		"_dmarc.example.com",
		"_dmarc.com",
	}, queried(d.Queries))
}

func TestDiscoverNoDomain(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", ".", "..", "a..example", ".example.org", "example.org..", "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]",
		"exa mple.org", "a@example.org", "\xff.org", strings.Repeat("a", 64) + ".org", strings.Repeat("a.", 127) + "org",
		strings.Repeat("ü", 60) + ".org", strings.Repeat("x", 1<<20), "a,b.org", "*.example.org",
	} {
		r := &counter{Resolver: resolvertest.New(t, "")}
		_, err := dmarc.Discover(t.Context(), r, text)
		require.ErrorIs(t, err, dmarc.ErrDomain, "%.20q", text)
		assert.Empty(t, r.names)
		assert.Less(t, len(err.Error()), 200)
	}
}

// A domain may be so long that the DNS can have no name with "_dmarc." before it.
func TestDiscoverLongestName(t *testing.T) {
	t.Parallel()
	domain := strings.Repeat(strings.Repeat("a", 49)+".", 5) + "com"
	require.Len(t, domain, 253)
	d, err := dmarc.Discover(t.Context(), resolvertest.New(t, ""), domain)
	require.NoError(t, err)
	assert.Equal(t, domain, d.OrganizationalDomain)
	assert.Equal(t, "_dmarc."+domain[50:], d.Queries[0].Name)
}

// A lookup that fails ends the walk. The record of the domain itself applies in spite of it
// (section 4.10.1).
func TestDiscoverFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, zone, broken, policy, queried string }{
		{"the first", "a.example.com p=none", "_dmarc.a.example.com", "", "_dmarc.a.example.com"},
		{"the second, with a record below", "a.example.com p=none", "_dmarc.example.com", "a.example.com", "_dmarc.a.example.com _dmarc.example.com"},
		{"the second, without one", "com p=none; psd=y", "_dmarc.example.com", "", "_dmarc.a.example.com _dmarc.example.com"},
		{"the last", "example.com p=none", "_dmarc.com", "", "_dmarc.a.example.com _dmarc.example.com _dmarc.com"},
	} {
		d, err := dmarc.Discover(t.Context(), resolvertest.New(t, records(c.zone), resolvertest.Fail(c.broken)), "a.example.com")
		require.ErrorIs(t, err, resolver.ErrServer, c.name)
		require.EqualError(t, err, "dmarc: the lookup of "+c.broken+" (TXT) failed: no name server gave a usable answer")
		assert.Empty(t, d.OrganizationalDomain, c.name)
		assert.Equal(t, c.policy, d.PolicyDomain, c.name)
		assert.Equal(t, c.queried, strings.Join(queried(d.Queries), " "), c.name)
		require.ErrorIs(t, d.Queries[len(d.Queries)-1].Err, resolver.ErrServer)
	}
}

// A failure above the end of a walk does not matter.
func TestDiscoverFailureAbovePSD(t *testing.T) {
	t.Parallel()
	d, err := dmarc.Discover(t.Context(), resolvertest.New(t, records("example.com p=none; psd=n"), resolvertest.Fail("_dmarc.com")), "a.example.com")
	require.NoError(t, err)
	assert.Equal(t, "example.com", d.OrganizationalDomain)
}

func TestQueryAnswers(t *testing.T) {
	t.Parallel()
	r := resolvertest.New(t, `
		_dmarc.a.b.c.d.e.      TXT "v=DMARC1; p=rejct"
		_dmarc.b.c.d.e.        TXT "v=DMARC1; p=none"
		_dmarc.b.c.d.e.        TXT "v=DMARC1; p=none; t=y"
		_dmarc.c.d.e.          TXT "v=DMARC1,p=none"
		_dmarc.c.d.e.          TXT "hello"
		_dmarc.d.e.            A   192.0.2.1
	`)
	d, err := dmarc.Discover(t.Context(), r, "a.b.c.d.e")
	require.NoError(t, err)
	assert.Equal(t, []dmarc.Query{
		{
			Name: "_dmarc.a.b.c.d.e", Type: "TXT", Answer: "a DMARC record", Text: "v=DMARC1; p=rejct",
			Problems: []string{`The tag p has the value "rejct": it must be none, quarantine or reject.`},
		},
		{
			Name: "_dmarc.b.c.d.e", Type: "TXT", Answer: "2 DMARC records: none of them counts",
			Problems: []string{"_dmarc.b.c.d.e has 2 DMARC records, and so none of them counts: remove all but one."},
		},
		{
			Name: "_dmarc.c.d.e", Type: "TXT", Answer: "no DMARC record among the TXT records",
			Problems: []string{`The text "v=DMARC1,p=none" is no record: a semicolon must follow v=DMARC1.`},
		},
		{Name: "_dmarc.d.e", Type: "TXT", Answer: "no TXT record"},
		{Name: "_dmarc.e", Type: "TXT", Answer: "no such name"},
	}, d.Queries)
}
