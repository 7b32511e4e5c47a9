package dmarc_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

const host = "mx.example.net"

// world is the DNS of the tests of the filter. The client of the test kit is client.example.org
// at 192.0.2.1. Every domain in it lets SPF pass for MAIL FROM, but those that name no addresses.
const filterWorld = `
	client.example.org.   TXT "v=spf1 a -all"
	client.example.org.   A   192.0.2.1
	good.example.         TXT "v=spf1 ip4:192.0.2.1 -all"
	_dmarc.good.example.  TXT "v=DMARC1; p=reject"
	reject.example.       TXT "v=spf1 -all"
	_dmarc.reject.example. TXT "v=DMARC1; p=reject"
	quarantine.example.   TXT "v=spf1 -all"
	_dmarc.quarantine.example. TXT "v=DMARC1; p=quarantine; np=reject"
	a.quarantine.example. A   192.0.2.9
	none.example.         TXT "v=spf1 -all"
	_dmarc.none.example.  TXT "v=DMARC1; p=none"
	testing.example.      TXT "v=spf1 -all"
	_dmarc.testing.example. TXT "v=DMARC1; p=reject; t=y"
	list.example.         TXT "v=spf1 ip4:192.0.2.1 -all"
`

// dns returns a resolver for the world, in which broken.example fails.
func dns(t testing.TB) *resolver.Resolver {
	t.Helper()
	return resolvertest.New(t, filterWorld, resolvertest.Fail("broken.example"))
}

// filter returns a filter in this world. It writes results as mx.example.net.
func filter(t testing.TB, cfg dmarc.Config) *dmarc.Filter {
	t.Helper()
	if cfg.Resolver == nil {
		cfg.Resolver = dns(t)
	}
	cfg.AuthservID = host
	f, err := dmarc.New(cfg)
	require.NoError(t, err)
	return f
}

// checkers returns the filters whose results the filter reads.
func checkers(t testing.TB, r *resolver.Resolver, relays ...netip.Prefix) (*spf.Filter, *dkim.Filter) {
	t.Helper()
	sender, err := spf.New(spf.Config{Resolver: r, AuthservID: host, Relays: relays})
	require.NoError(t, err)
	verifier, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: r, AuthservID: host}})
	require.NoError(t, err)
	return sender, verifier
}

// mounted returns a router with the filter behind SPF and DKIM, and what else is to be mounted.
func mounted(t testing.TB, f *dmarc.Filter, behind ...framework.Filter) *framework.Router {
	t.Helper()
	sender, verifier := checkers(t, dns(t))
	r := framework.NewRouter()
	for _, f := range append([]framework.Filter{sender, verifier, f}, behind...) {
		r.Mount(f)
	}
	return r
}

// letter is a message with an author. The envelope has the same domain, unless an option changes
// it.
func letter(author string, opts ...miltertest.MessageOption) *mta.Message {
	return miltertest.Message("From: "+author+"\nSubject: hello\n\nHow are you?\n", append([]miltertest.MessageOption{
		miltertest.From(strings.Trim(author[strings.LastIndexByte(author, ' ')+1:], "<>")), miltertest.Helo("client.example.org"),
	}, opts...)...)
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// dmarcLine returns the last result of the field of this host, in one line.
func dmarcLine(t testing.TB, res *miltertest.Result) string {
	t.Helper()
	fields := res.HeaderValues(authres.FieldName)
	require.Len(t, fields, 1, "%s", res.Reply())
	_, line, ok := strings.Cut(strings.ReplaceAll(fields[0], "\n\t ", " "), "dmarc=")
	require.True(t, ok, fields[0])
	return line
}

func TestResultsInField(t *testing.T) {
	t.Parallel()
	r := mounted(t, filter(t, dmarc.Config{}))
	for author, want := range map[string]string{
		"ann@good.example":                   "pass header.from=good.example policy.dmarc=reject",
		"ann@a.good.example":                 `fail reason="No domain that SPF or DKIM has authenticated is aligned with the author domain a.good.example" header.from=a.good.example policy.dmarc=reject`,
		"ann@reject.example":                 `fail reason="No domain that SPF or DKIM has authenticated is aligned with the author domain reject.example" header.from=reject.example policy.dmarc=reject`,
		"ann@testing.example":                `fail reason="No domain that SPF or DKIM has authenticated is aligned with the author domain testing.example" header.from=testing.example policy.dmarc=quarantine`,
		"ann@nothing.example":                `none reason="Neither nothing.example nor a domain above it publishes a DMARC record that applies" header.from=nothing.example`,
		"ann@broken.example":                 `temperror reason="The lookup of _dmarc.broken.example (TXT) failed: no name server gave a usable answer. Later, it may succeed" header.from=broken.example`,
		"ann@[192.0.2.1]":                    `permerror reason="The author has the IP address \"[192.0.2.1]\" in place of a domain, and so no DMARC record can apply" header.from="[192.0.2.1]"`,
		"ann":                                `permerror reason="The author has nothing in place of a domain, and so no DMARC record can apply"`,
		"ann@none.example, b@reject.example": `fail reason="No domain that SPF or DKIM has authenticated is aligned with the author domain reject.example" header.from=reject.example policy.dmarc=reject`,
	} {
		res := miltertest.RunRouter(t, r, letter(author))
		res.AssertAccepted(t)
		assert.Equal(t, want, dmarcLine(t, res), author)
	}
	for text, want := range map[string]string{
		"Subject: x\n\ny\n": `permerror reason="The message has no From field, and so no author"`,
		"From: ann@good.example\nFrom: ann@reject.example\n\ny\n": `permerror reason="The message has 2 From fields, and RFC 5322 allows one: which author a reader sees is not known"`,
	} {
		assert.Equal(t, want, dmarcLine(t, miltertest.RunRouter(t, r, miltertest.Message(text, miltertest.From("ann@good.example")))), text)
	}
}

// What happens to a message depends on the result and, if it fails, on the policy of the domain.
// The replies name the domain, the tag of the record, and what failed.
func TestActions(t *testing.T) {
	t.Parallel()
	strict := dmarc.Actions{Reject: dmarc.Reject, Quarantine: dmarc.Hold, None: dmarc.AddField, TempError: dmarc.TempFail, PermError: dmarc.Reject}
	const subdomain = "dmarc: fail, mail of a.quarantine.example is not authenticated, and the record at _dmarc.quarantine.example has p=quarantine"
	tests := map[string]struct {
		author            string
		reply, hold, mark string
	}{
		"pass":      {author: "ann@good.example"},
		"no record": {author: "ann@nothing.example"},
		"reject": {author: "ann@reject.example", reply: "550-5.7.1 DMARC: fail, mail of reject.example is not authenticated, and the record at _dmarc.reject.example has p=reject\n" +
			"550-5.7.1 SPF has the result fail for reject.example, and only pass counts.\n550 5.7.1 There is nothing that DKIM could check."},
		"quarantine":   {author: "ann@a.quarantine.example", hold: subdomain},
		"np":           {author: "ann@b.quarantine.example", reply: "550-5.7.1 DMARC: fail, mail of b.quarantine.example is not authenticated, and the record at _dmarc.quarantine.example has np=reject\n"},
		"t=y":          {author: "ann@testing.example", hold: "dmarc: fail, mail of testing.example is not authenticated, and the record at _dmarc.testing.example has p=reject with t=y"},
		"none":         {author: "ann@none.example", mark: "fail, mail of none.example is not authenticated, and the record\n at _dmarc.none.example has p=none"},
		"temperror":    {author: "ann@broken.example", reply: "451 4.7.1 DMARC: temperror, The lookup of _dmarc.broken.example (TXT) failed: no name server gave a usable answer. Later, it may succeed."},
		"permerror":    {author: "ann@[192.0.2.1]", reply: `550 5.7.1 DMARC: permerror, The author has the IP address "[192.0.2.1]" in place of a domain, and so no DMARC record can apply.`},
		"unclear From": {author: `"ann@good.example <b@reject.example>`, reply: "550-5.7.1 DMARC: fail, mail of reject.example"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dry := range []bool{false, true} {
				res := miltertest.RunRouter(t, mounted(t, filter(t, dmarc.Config{Actions: strict, DryRun: dry})), letter(c.author))
				if dry {
					res.AssertAccepted(t)
					assert.False(t, res.Quarantined)
					assert.Empty(t, res.Header("X-Quarantine"))
					assert.NotEmpty(t, dmarcLine(t, res))
					continue
				}
				assert.True(t, strings.HasPrefix(res.Reply(), c.reply) && (c.reply == "") == (res.Reply() == ""), res.Reply())
				assert.Equal(t, c.mark, res.Header("X-Quarantine"))
				if c.hold != "" {
					res.AssertQuarantined(t, c.hold)
				} else {
					assert.False(t, res.Quarantined)
				}
			}
		})
	}
	res := miltertest.RunRouter(t, mounted(t, filter(t, dmarc.Config{Field: "X-Bad", Actions: dmarc.Actions{Reject: dmarc.AddField}})), letter("ann@reject.example"))
	assert.NotEmpty(t, res.Header("X-Bad"))
}

// Mail of this host's own users is not evaluated, and the field says why. A relay does not hide
// the client behind it, and no client can get out of the evaluation by what it says.
func TestNotEvaluated(t *testing.T) {
	t.Parallel()
	relay := prefixes("203.0.113.0/24")
	received := func(text string) string { return "Received: from " + text + "\nFrom: ann@reject.example\n\nx\n" }
	behind := func(text string) *mta.Message {
		return miltertest.Message(received(text), miltertest.From("ann@reject.example"), miltertest.Client("203.0.113.9"))
	}
	tests := map[string]struct {
		cfg     dmarc.Config
		message *mta.Message
		want    string
	}{
		"logged in":                {dmarc.Config{}, letter("ann@reject.example", miltertest.Auth("ann")), `none reason="the client has logged in" header.from=reject.example`},
		"this host":                {dmarc.Config{}, letter("ann@reject.example", miltertest.Client("127.0.0.1")), `none reason="the client is in a network of this host" header.from=reject.example`},
		"a network":                {dmarc.Config{Networks: prefixes("192.0.2.0/24")}, letter("ann@reject.example"), `none reason="the client is in a network of this host"`},
		"a mapped network":         {dmarc.Config{Networks: prefixes("::ffff:192.0.2.0/120")}, letter("ann@reject.example"), `none reason="the client is in a network of this host"`},
		"no network":               {dmarc.Config{Networks: prefixes("10.0.0.0/8")}, letter("ann@reject.example"), `fail `},
		"behind a relay":           {dmarc.Config{}, behind("x (x [198.51.100.7]) by relay with ESMTP"), `fail `},
		"a user behind a relay":    {dmarc.Config{}, behind("x (x [198.51.100.7]) by relay with ESMTPSA"), `none reason="the client has logged in at a relay"`},
		"a network behind a relay": {dmarc.Config{Networks: prefixes("198.51.100.0/24")}, behind("x (x [198.51.100.7]) by relay with ESMTP"), `none reason="the client is in a network of this host"`},
		"a relay names no client":  {dmarc.Config{}, behind("(("), `fail `},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sender, verifier := checkers(t, dns(t), relay...)
			c.cfg.Actions.Reject = dmarc.AddField
			r := framework.NewRouter()
			for _, f := range []framework.Filter{sender, verifier, filter(t, c.cfg)} {
				r.Mount(f)
			}
			res := miltertest.RunRouter(t, r, c.message)
			assert.True(t, strings.HasPrefix(dmarcLine(t, res), c.want), dmarcLine(t, res))
			assert.Equal(t, strings.HasPrefix(c.want, "fail"), res.Header("X-Quarantine") != "")
		})
	}
}

// Without results of SPF or DKIM there is no result, and no pass: the message is refused for now,
// and the log says what to mount. One of the two is enough.
func TestNothingToRead(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, filter(t, dmarc.Config{}), letter("ann@good.example"))
	res.AssertTempFailed(t)
	assert.Contains(t, res.Logs.String(), "mount contrib/spf, or a verifier of contrib/dkim, before this filter")

	sender, verifier := checkers(t, dns(t))
	for _, c := range []struct {
		before framework.Filter
		want   string
	}{{sender, "pass "}, {verifier, "fail "}} {
		r := framework.NewRouter()
		r.Mount(c.before)
		r.Mount(filter(t, dmarc.Config{}))
		res := miltertest.RunRouter(t, r, letter("ann@good.example"))
		assert.True(t, strings.HasPrefix(dmarcLine(t, res), c.want), c.want)
	}
}

// Forged results are removed, those of other hosts stay, and so do those of hosts that check mail
// for this one.
func TestForged(t *testing.T) {
	t.Parallel()
	text := "Authentication-Results: " + strings.ToUpper(host) + "; dmarc=pass header.from=reject.example\n" +
		"Authentication-Results: old.example.net; dmarc=pass\nAuthentication-Results: other.example; dmarc=pass\nFrom: ann@reject.example\n\nx\n"
	f := filter(t, dmarc.Config{AlsoRemove: []string{"old.example.net"}})
	sender, _ := checkers(t, dns(t))
	r := framework.NewRouter()
	r.Mount(sender)
	r.Mount(f)
	fields := miltertest.RunRouter(t, r, miltertest.Message(text, miltertest.From("ann@reject.example"))).HeaderValues(authres.FieldName)
	require.Len(t, fields, 2)
	assert.Contains(t, fields[0], "dmarc=fail")
	assert.Equal(t, "other.example; dmarc=pass", fields[1])
}

// observed keeps what Observe is told.
type observed struct {
	mu   sync.Mutex
	list []*dmarc.Outcome
}

func (o *observed) observe(x *dmarc.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, x)
}

// A filter behind this one reads the outcome, Observe is told of messages that were evaluated, and
// nothing is left for the next message.
func TestResultsOf(t *testing.T) {
	t.Parallel()
	type seen struct {
		o  *dmarc.Outcome
		ok bool
	}
	var before, behind seen
	reader := func(name string, to *seen) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				to.o, to.ok = dmarc.ResultsOf(s)
				return framework.Continue, nil
			})
			return nil
		})
	}
	var told observed
	f := filter(t, dmarc.Config{Observe: told.observe, Actions: dmarc.Actions{Quarantine: dmarc.Hold}})
	sender, _ := checkers(t, dns(t))
	r := framework.NewRouter()
	for _, f := range []framework.Filter{reader("before", &before), sender, f, reader("behind", &behind)} {
		r.Mount(f)
	}
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	conn.Run(t, letter("ann@testing.example"))
	require.True(t, behind.ok)
	assert.Equal(t, dmarc.StatusFail, behind.o.Status)
	assert.Equal(t, dmarc.PolicyQuarantine, behind.o.Policy)
	assert.Equal(t, dmarc.Hold, behind.o.Action)
	assert.Equal(t, dmarc.PolicyQuarantine, behind.o.Disposition())
	assert.Equal(t, []string{"_dmarc.testing.example"}, queried(behind.o.Queries))
	conn.Run(t, letter("ann@testing.example", miltertest.Auth("ann")))
	assert.Equal(t, "the client has logged in", behind.o.Skipped)
	assert.Equal(t, dmarc.StatusNone, behind.o.Status)
	assert.Equal(t, dmarc.Accept, behind.o.Action)
	conn.Run(t, letter("ann@good.example"))
	assert.Equal(t, dmarc.StatusPass, behind.o.Status)
	assert.False(t, before.ok, "nothing is left of the last message")
	require.Len(t, told.list, 2)
	assert.Same(t, behind.o, told.list[1])
}

// The disposition is in the words of reports.
func TestDisposition(t *testing.T) {
	t.Parallel()
	for a, want := range map[dmarc.Action]dmarc.Policy{
		dmarc.Accept: dmarc.PolicyNone, dmarc.AddField: dmarc.PolicyQuarantine, dmarc.Hold: dmarc.PolicyQuarantine,
		dmarc.TempFail: dmarc.PolicyNone, dmarc.Reject: dmarc.PolicyReject,
	} {
		assert.Equal(t, want, (&dmarc.Outcome{Action: a}).Disposition(), a)
		assert.Equal(t, dmarc.PolicyNone, (&dmarc.Outcome{Action: a, DryRun: true}).Disposition(), a)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	r := mounted(t, filter(t, dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject}, DryRun: true}))
	record, ok := miltertest.RunRouter(t, r, letter("ann@reject.example")).Logs.Find("evaluated")
	require.True(t, ok)
	for key, want := range map[string]string{
		"result": "fail", "domain": "reject.example", "policy": "reject", "policy_domain": "reject.example", "tag": "p", "action": "reject", "dry_run": "true",
		"reason": "No domain that SPF or DKIM has authenticated is aligned with the author domain reject.example.",
	} {
		got, _ := miltertest.LogAttr(record, key)
		assert.Equal(t, want, got.String(), key)
	}
}
