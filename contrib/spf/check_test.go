package spf_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
)

// query is one of a client that the tests' records name.
func query(mailFrom string) spf.Query {
	return spf.Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org", MailFrom: mailFrom, Receiver: "mx.example.net"}
}

// checked returns the result for an envelope sender.
func checked(t *testing.T, dns *resolver.Resolver, mailFrom string) spf.Result {
	t.Helper()
	return spf.Check(t.Context(), dns, query(mailFrom)).MailFrom
}

// line returns a result in a form that is easy to compare.
func line(r spf.Result) string {
	return strings.Join(strings.Fields(fmt.Sprintln(r.Identity, r.Status, r.Domain, r.Sender, r.Mechanism, r.Reason)), " ")
}

// TestIdentities checks the two identities of one message.
func TestIdentities(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, `
		mail.example.org.       TXT "v=spf1 a -all"
		mail.example.org.       A   192.0.2.1
		example.org.            TXT "v=spf1 include:_spf.example.org ~all"
		_spf.example.org.       TXT "v=spf1 ip4:192.0.2.0/28 -all"
		example.com.            TXT "v=spf1 -all"
		xn--bcher-kva.example.  TXT "v=spf1 ip4:192.0.2.1 -all"
	`)
	tests := map[string]struct {
		helo, mailFrom       string
		wantHelo, wantSender string
	}{
		"both pass": {
			"mail.example.org", "ann@example.org",
			"helo pass mail.example.org postmaster@mail.example.org a", "mailfrom pass example.org ann@example.org include:_spf.example.org",
		},
		"one each": {
			"Mail.Example.ORG.", "ann@Example.COM",
			"helo pass mail.example.org postmaster@mail.example.org a", "mailfrom fail example.com ann@example.com -all",
		},
		"a bounce": {
			"mail.example.org", "",
			"helo pass mail.example.org postmaster@mail.example.org a", "mailfrom pass mail.example.org postmaster@mail.example.org a",
		},
		"a bounce without a name": {
			"[192.0.2.1]", "",
			"helo none [192.0.2.1] postmaster@[192.0.2.1] not a domain of several labels", "mailfrom none [192.0.2.1] postmaster@[192.0.2.1] not a domain of several labels",
		},
		"an address as the name": {
			"192.0.2.1", "ann@b\u00fccher.example",
			"helo none 192.0.2.1 postmaster@192.0.2.1 not a domain of several labels", "mailfrom pass xn--bcher-kva.example ann@xn--bcher-kva.example ip4:192.0.2.1",
		},
		"one label": {
			"localhost", "ann@localhost",
			"helo none localhost postmaster@localhost not a domain of several labels", "mailfrom none localhost ann@localhost not a domain of several labels",
		},
		"no domains": {
			"", "ann",
			"helo none postmaster not a domain of several labels", "mailfrom none ann not a domain of several labels",
		},
		"no records": {
			"mail.example.net", "\u00e4nn@example.net",
			"helo none mail.example.net postmaster@mail.example.net mail.example.net has no record", "mailfrom none example.net @example.net example.net has no record",
		},
		"several at signs": {
			"a b.example.org", "@a,@b:\"x@example.com\"@example.org",
			"helo none a b.example.org postmaster@a b.example.org not a domain of several labels",
			"mailfrom pass example.org @a,@b:\"x@example.com\"@example.org include:_spf.example.org",
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := query(c.mailFrom)
			q.Helo = c.helo
			r := spf.Check(t.Context(), dns, q)
			assert.Equal(t, c.wantHelo, line(r.Helo))
			assert.Equal(t, c.wantSender, line(r.MailFrom))
		})
	}
}

// TestReasons checks that results without an answer say why.
func TestReasons(t *testing.T) {
	t.Parallel()
	zone := `
		twice.example.     TXT "v=spf1 -all"
		twice.example.     TXT "v=spf1 +all"
		wrong.example.     TXT "v=spf1 ip4:192.0.2.1 moo"
		includes.example.  TXT "v=spf1 include:wrong.example -all"
		nowhere.example.   TXT "v=spf1 include:none.example -all"
		away.example.      TXT "v=spf1 redirect=none.example"
		slow.example.      TXT "v=spf1 include:broken.example -all"
		slowmx.example.    TXT "v=spf1 mx -all"
		slowmx.example.    MX  10 mx.broken.example.
		slowa.example.     TXT "v=spf1 ~a:broken.example -all"
		loop.example.      TXT "v=spf1 include:loop.example"
		void.example.      TXT "v=spf1 a:a.void.example exists:b.void.example mx:c.void.example ip4:192.0.2.1"
		hosts.example.     TXT "v=spf1 mx ip4:192.0.2.1"
		large.example.     TXT "v=spf1 mx:many.example ip4:192.0.2.1"
	`
	for i := range 11 {
		zone += fmt.Sprintf("hosts.example. MX 10 m%d.example.\n", i)
	}
	for i := range 300 {
		zone += fmt.Sprintf("many.example. MX 10 m%d.example.\n", i)
	}
	dns := resolvertest.New(t, zone, resolvertest.Fail("broken.example"))
	for domain, want := range map[string]string{
		"twice":    "permerror twice.example has several records",
		"wrong":    `permerror record of wrong.example: "moo": unknown mechanism`,
		"includes": `permerror record of wrong.example: "moo": unknown mechanism`,
		"nowhere":  "permerror include:none.example: none.example has no record",
		"away":     "permerror redirect=none.example: none.example has no record",
		"slow":     "temperror TXT broken.example: no usable answer",
		"slowmx":   "temperror A mx.broken.example: no usable answer",
		"slowa":    "temperror A broken.example: no usable answer",
		"broken":   "temperror TXT broken.example: no usable answer",
		"loop":     "permerror more than 10 terms need a lookup",
		"void":     "permerror more than 2 names have no records",
		"hosts":    "permerror hosts.example has more than 10 mail exchangers",
		"large":    "permerror MX many.example: the answer is too large",
	} {
		r := checked(t, dns, "ann@"+domain+".example")
		assert.Equal(t, want, fmt.Sprint(r.Status, " ", r.Reason))
		assert.Empty(t, r.Mechanism)
		assert.Empty(t, r.Explanation)
	}
}

// TestUsualHosts has mail exchangers and clients as most are: without addresses of one
// version. They do not use up the void lookups.
func TestUsualHosts(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, `
		example.org. TXT "v=spf1 mx include:_spf.example.org -all"
		example.org. MX  10 mx1.example.org.
		example.org. MX  10 mx2.example.org.
		example.org. MX  10 mx3.example.org.
		mx1.example.org. A 192.0.2.11
		mx2.example.org. A 192.0.2.12
		mx3.example.org. A 192.0.2.13
		_spf.example.org. TXT "v=spf1 ip6:2001:db8::/32 -all"
	`)
	q := query("ann@example.org")
	q.IP = netip.MustParseAddr("2001:db8::1")
	assert.Equal(t, "mailfrom pass example.org ann@example.org include:_spf.example.org", line(spf.Check(t.Context(), dns, q).MailFrom))
	q.IP = netip.MustParseAddr("::ffff:192.0.2.12")
	assert.Equal(t, "mailfrom pass example.org ann@example.org mx", line(spf.Check(t.Context(), dns, q).MailFrom))
	q.IP = netip.Addr{}
	assert.Equal(t, "mailfrom none example.org ann@example.org the client has no IP address", line(spf.Check(t.Context(), dns, q).MailFrom))
}

// TestMacros expands the examples of RFC 7208 section 7.4 in explanations.
func TestMacros(t *testing.T) {
	t.Parallel()
	for macro, want := range map[string]string{
		"%{s}": "strong-bad@email.example.com", "%{o}": "email.example.com", "%{d}": "email.example.com", "%{d4}": "email.example.com",
		"%{d3}": "email.example.com", "%{d2}": "example.com", "%{d1}": "com", "%{dr}": "com.example.email", "%{d2r}": "example.email",
		"%{l}": "strong-bad", "%{l-}": "strong.bad", "%{lr}": "strong-bad", "%{lr-}": "bad.strong", "%{l1r-}": "strong",
		"%{ir}.%{v}._spf.%{d2}": "3.2.0.192.in-addr._spf.example.com", "%{lr-}.lp._spf.%{d2}": "bad.strong.lp._spf.example.com",
		"%{D999}%%%_%-": "email.example.com% %20", "%{S}": "strong-bad%40email.example.com",
		"%{c} %{h} %{r} %{p}": "192.0.2.3 mail.example.org mx.example.net unknown", "%{l9999999999999999999999}": "strong-bad", "%{i2r/}": "192.0.2.3",
	} {
		dns := resolvertest.New(t, fmt.Sprintf("email.example.com. TXT \"v=spf1 -all exp=x.example.com\"\nx.example.com. TXT %q", macro))
		q := query("strong-bad@email.example.com")
		q.IP = netip.MustParseAddr("192.0.2.3")
		assert.Equal(t, want, spf.Check(t.Context(), dns, q).MailFrom.Explanation, macro)
	}
}

// TestExplanationIsSafe publishes explanations that must not reach a client as they are.
func TestExplanationIsSafe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, sender, want string }{
		"control characters":   {`"250 ok\013\010250"`, "ann@example.org", ""},
		"beyond ASCII":         {`"gr\195\188n"`, "ann@example.org", ""},
		"a sender's":           {`"%{l}!"`, "\u00e4\r\nn\x1b@example.org", "???n?!"},
		"long":                 {`"` + strings.Repeat("%{l}", 60) + `"`, strings.Repeat("x", 60) + "@example.org", strings.Repeat("x", 400)},
		"very long":            {`"` + strings.Repeat("%{l}", 60) + `"`, strings.Repeat("x", 60_000) + "@example.org", ""},
		"parts of long values": {`"` + strings.Repeat("%{l1}", 60) + `"`, strings.Repeat("x.", 300) + "@example.org", ""},
		"a syntax error":       {`"100%"`, "ann@example.org", ""},
		"several strings":      {`"no" " such" " client"`, "ann@example.org", "no such client"},
		"nothing":              {`""`, "ann@example.org", ""},
		"a letter of the time": {`"%{t4!}"`, "ann@example.org", ""},
	} {
		dns := resolvertest.New(t, "example.org. TXT \"v=spf1 -all exp=x.example.org\"\nx.example.org. TXT "+c.text)
		r := checked(t, dns, c.sender)
		assert.Equal(t, spf.Fail, r.Status, name)
		assert.Equal(t, c.want, r.Explanation, name)
		assert.LessOrEqual(t, len(r.Sender), 400, name)
	}
}

// TestTime checks that a check ends in time, and with its context, whatever the DNS does.
func TestTime(t *testing.T) {
	t.Parallel()
	zone := `example.org. TXT "v=spf1 include:a.silent.example include:b.silent.example -all"`
	silent := func(t *testing.T) *resolver.Resolver {
		t.Helper()
		return resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, zone, resolvertest.Silent("silent.example", "mail.example.org"))
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := spf.Check(t.Context(), silent(t), query("ann@example.org"))
		assert.Equal(t, 20*time.Second, time.Since(began), "both at the same time")
		assert.Equal(t, "mailfrom temperror example.org ann@example.org TXT a.silent.example: no answer from the DNS", line(r.MailFrom))
		assert.Equal(t, "helo temperror mail.example.org postmaster@mail.example.org TXT mail.example.org: no answer from the DNS", line(r.Helo))
	})
	synctest.Test(t, func(t *testing.T) {
		q := query("ann@example.org")
		q.Timeout = 3 * time.Second
		began := time.Now()
		assert.Equal(t, spf.TempError, spf.Check(t.Context(), silent(t), q).MailFrom.Status)
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.Equal(t, spf.TempError, spf.Check(ctx, silent(t), query("ann@example.org")).MailFrom.Status)
		assert.Error(t, ctx.Err())
	})
}

// TestNamesInTime lets the time end while the names of the client are looked up. The client may
// have a name that passes, so it does not fail.
func TestNamesInTime(t *testing.T) {
	t.Parallel()
	const zone = `
		example.org.            TXT "v=spf1 ptr:slow.example -all"
		1.2.0.192.in-addr.arpa. PTR mail.slow.example.
	`
	for silent, want := range map[string]string{"in-addr.arpa": "PTR 192.0.2.1", "slow.example": "A mail.slow.example"} {
		synctest.Test(t, func(t *testing.T) {
			dns := resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, zone, resolvertest.Silent(silent))
			assert.Equal(t, "mailfrom temperror example.org ann@example.org "+want+": no answer from the DNS", line(checked(t, dns, "ann@example.org")))
		})
	}
}

// TestMostLookups publishes records that need as many lookups as RFC 7208 allows, for both
// identities. Neither takes the lookups of the other, and no record needs more.
func TestMostLookups(t *testing.T) {
	t.Parallel()
	var z strings.Builder
	for _, domain := range []string{"example.org", "mail.example.org"} {
		fmt.Fprintf(&z, "%s. TXT \"v=spf1", domain)
		for i := range 10 {
			fmt.Fprintf(&z, " mx:m%d.%s", i, domain)
		}
		fmt.Fprintf(&z, " ip4:192.0.2.1 -all\"\n")
		for i := range 10 {
			for n := range 10 {
				fmt.Fprintf(&z, "m%d.%s. MX 10 h%d-%d.%s.\nh%d-%d.%s. A 198.51.100.1\n", i, domain, i, n, domain, i, n, domain)
			}
		}
	}
	dns := resolvertest.New(t, z.String())
	r := spf.Check(t.Context(), dns, query("ann@example.org"))
	assert.Equal(t, "mailfrom pass example.org ann@example.org ip4:192.0.2.1", line(r.MailFrom))
	assert.Equal(t, "helo pass mail.example.org postmaster@mail.example.org ip4:192.0.2.1", line(r.Helo))
	assert.Equal(t, uint64(2*(1+10*(1+10))), dns.Stats().Misses)
}

// TestLargeRecord publishes a record with as many terms as an answer has room for.
func TestLargeRecord(t *testing.T) {
	t.Parallel()
	var z strings.Builder
	z.WriteString(`example.org. TXT "v=spf1"`)
	for i := range 1200 {
		fmt.Fprintf(&z, ` " ip4:198.51.%d.%d"`, i/256, i%256)
	}
	z.WriteString(` " ip4:192.0.2.1 -all"`)
	assert.Equal(t, "mailfrom pass example.org ann@example.org ip4:192.0.2.1", line(checked(t, resolvertest.New(t, z.String()), "ann@example.org")))
}

// TestNames checks what a client is called: the mechanism ptr and the macro p.
func TestNames(t *testing.T) {
	t.Parallel()
	zone := `
		ptr.example.       TXT "v=spf1 ptr:example.com ptr:example.org -all"
		other.example.     TXT "v=spf1 ptr:ample.org ptr:mail.example.org.example -all"
		p.example.org.     TXT "v=spf1 -all exp=p.example"
		example.com.       TXT "v=spf1 -all exp=p.example"
		p.example.         TXT "%{p}"
		mail.example.org.  A 192.0.2.1
		p.example.org.     A 192.0.2.1
		forged.example.com. A 192.0.2.99
		1.2.0.192.in-addr.arpa. PTR forged.example.com.
		1.2.0.192.in-addr.arpa. PTR broken.example.com.
		1.2.0.192.in-addr.arpa. PTR mail.example.org.
		1.2.0.192.in-addr.arpa. PTR p.example.org.
	`
	dns := resolvertest.New(t, zone, resolvertest.Fail("broken.example.com"))
	assert.Equal(t, "ptr:example.org", checked(t, dns, "ann@ptr.example").Mechanism)
	assert.Equal(t, "-all", checked(t, dns, "ann@other.example").Mechanism)
	assert.Equal(t, "p.example.org", checked(t, dns, "ann@p.example.org").Explanation, "the domain itself")
	assert.Equal(t, "mail.example.org", checked(t, dns, "ann@example.com").Explanation, "any")
	dead := resolvertest.New(t, zone, resolvertest.Fail("in-addr.arpa"))
	assert.Equal(t, "-all", checked(t, dead, "ann@ptr.example").Mechanism, "a failure is no match")
	assert.Equal(t, "unknown", checked(t, dead, "ann@example.com").Explanation)
}
