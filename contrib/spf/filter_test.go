package spf_test

import (
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// world is the DNS of the tests of the filter. The client of the test kit is
// client.example.org at 192.0.2.1.
const world = `
	client.example.org. TXT "v=spf1 a -all"
	client.example.org. A   192.0.2.1
	good.example.       TXT "v=spf1 ip4:192.0.2.0/24 -all"
	bad.example.        TXT "v=spf1 -all exp=why.bad.example"
	why.bad.example.    TXT "%{i} is no host of %{d}, see https://bad.example/"
	bare.example.       TXT "v=spf1 -all"
	soft.example.       TXT "v=spf1 ~all"
	neutral.example.    TXT "v=spf1 ?all"
	wrong.example.      TXT "v=spf1 moo"
`

// broken is the part of the DNS that fails.
func broken() resolvertest.Option { return resolvertest.Fail("broken.example") }

// filter returns a filter in this world. It writes results as mx.example.net.
func filter(t testing.TB, cfg spf.Config) *spf.Filter {
	t.Helper()
	if cfg.Resolver == nil {
		cfg.Resolver = resolvertest.New(t, world, broken())
	}
	cfg.AuthservID = "mx.example.net"
	f, err := spf.New(cfg)
	require.NoError(t, err)
	return f
}

// letter is a message from a sender.
func letter(from string, opts ...miltertest.MessageOption) *mta.Message {
	return miltertest.Message("Subject: hello\n\nHow are you?\n", append([]miltertest.MessageOption{miltertest.From(from), miltertest.Helo("client.example.org")}, opts...)...)
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// heloPass is the result for HELO in most tests.
const heloPass = ";\n\tspf=pass smtp.helo=client.example.org"

func TestResultsInField(t *testing.T) {
	t.Parallel()
	f := filter(t, spf.Config{})
	for from, want := range map[string]string{
		"ann@good.example":    "\tspf=pass smtp.mailfrom=ann@good.example" + heloPass,
		"ann@bad.example":     "\tspf=fail smtp.mailfrom=ann@bad.example" + heloPass,
		"ann@soft.example":    "\tspf=softfail smtp.mailfrom=ann@soft.example" + heloPass,
		"ann@neutral.example": "\tspf=neutral smtp.mailfrom=ann@neutral.example" + heloPass,
		"ann@none.example":    "\tspf=none reason=\"none.example has no record\" smtp.mailfrom=ann@none.example" + heloPass,
		"ann@wrong.example":   "\tspf=permerror reason=\"record of wrong.example: \\\"moo\\\": unknown mechanism\"\n\t smtp.mailfrom=ann@wrong.example" + heloPass,
		"ann@broken.example":  "\tspf=temperror reason=\"TXT broken.example: no usable answer\"\n\t smtp.mailfrom=ann@broken.example" + heloPass,
		"":                    "\tspf=pass smtp.mailfrom=postmaster@client.example.org\n\t smtp.helo=client.example.org",
		"ann":                 "\tspf=none reason=\"not a domain of several labels\" smtp.mailfrom=ann" + heloPass,
		"\u00e4@good.example": "\tspf=pass smtp.mailfrom=@good.example" + heloPass,
	} {
		res := miltertest.Run(t, f, letter(from))
		res.AssertAccepted(t)
		assert.Equal(t, "mx.example.net;\n"+want, res.Header("Authentication-Results"), from)
		assert.Empty(t, res.Header("Received-SPF"))
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	f := filter(t, spf.Config{
		MailFrom: spf.Policy{Fail: spf.Reject, SoftFail: spf.TempFail, None: spf.Reject, TempError: spf.TempFail, PermError: spf.Reject},
		Helo:     spf.Policy{Fail: spf.TempFail, TempError: spf.Reject, PermError: spf.TempFail, None: spf.Accept, SoftFail: spf.Reject},
	})
	const good = "client.example.org"
	tests := map[string]struct{ from, helo, want string }{
		"pass":                 {"ann@good.example", good, ""},
		"fail":                 {"ann@bad.example", good, "550-5.7.23 SPF check of MAIL FROM: fail, 192.0.2.1 may not send mail for bad.example\n550 5.7.23 bad.example explains: 192.0.2.1 is no host of bad.example, see https://bad.example/"},
		"fail, no explanation": {"ann@bare.example", good, "550 5.7.23 SPF check of MAIL FROM: fail, 192.0.2.1 may not send mail for bare.example"},
		"softfail":             {"ann@soft.example", good, "451 4.7.1 SPF check of MAIL FROM: softfail, soft.example does not authorize 192.0.2.1"},
		"neutral as none":      {"ann@neutral.example", good, "550 5.7.1 SPF check of MAIL FROM: neutral, neutral.example does not authorize 192.0.2.1"},
		"none":                 {"ann@none.example", good, "550 5.7.1 SPF check of MAIL FROM: none, none.example has no record"},
		"temperror":            {"ann@broken.example", good, "451 4.7.24 SPF check of MAIL FROM: temperror, TXT broken.example: no usable answer"},
		"permerror":            {"ann@wrong.example", good, "550 5.7.24 SPF check of MAIL FROM: permerror, record of wrong.example: \"moo\": unknown mechanism"},
		"HELO fails":           {"ann@good.example", "bare.example", "451 4.7.23 SPF check of HELO: fail, 192.0.2.1 may not send mail for bare.example"},
		"HELO softfails":       {"ann@good.example", "soft.example", "550 5.7.1 SPF check of HELO: softfail, soft.example does not authorize 192.0.2.1"},
		"HELO has none":        {"ann@good.example", "none.example", ""},
		"HELO unknown":         {"ann@good.example", "x.broken.example", "550 5.7.24 SPF check of HELO: temperror, TXT x.broken.example: no usable answer"},
		"the more severe":      {"ann@broken.example", "soft.example", "550 5.7.1 SPF check of HELO: softfail, soft.example does not authorize 192.0.2.1"},
		"both the same":        {"ann@bare.example", "soft.example", "550 5.7.23 SPF check of MAIL FROM: fail, 192.0.2.1 may not send mail for bare.example"},
		"a bounce that fails":  {"", "bare.example", "550 5.7.23 SPF check of MAIL FROM: fail, 192.0.2.1 may not send mail for bare.example"},
		"a bounce that passes": {"", good, ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, f, letter(c.from, miltertest.Helo(c.helo)))
			assert.Equal(t, c.want, res.Reply())
			if c.want != "" {
				assert.Equal(t, mta.StageEndOfMessage, res.RefusedAt())
			}
		})
	}
}

// TestNotChecked sends mail that is not from elsewhere. Nothing is looked up for it, and it
// does not pass either.
func TestNotChecked(t *testing.T) {
	t.Parallel()
	reject := spf.Policy{Fail: spf.Reject, SoftFail: spf.Reject, None: spf.Reject, TempError: spf.Reject, PermError: spf.Reject}
	tests := map[string]struct {
		message *mta.Message
		reason  string
	}{
		"a login":              {letter("ann@bad.example", miltertest.Auth("ann")), "the client has logged in"},
		"this host":            {letter("ann@bad.example", miltertest.Client("127.0.0.1")), "the client is in a network of this host"},
		"this host, version 6": {letter("ann@bad.example", miltertest.Client("::1")), "the client is in a network of this host"},
		"a program":            {withClient(letter("ann@bad.example"), mta.Client{Host: "localhost", Family: wire.FamilyUnknown}), "the client has no IP address"},
		"a unix socket":        {withClient(letter("ann@bad.example"), mta.Client{Host: "localhost", Family: wire.FamilyUnix, Addr: "/x"}), "the client has no IP address"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dns := resolvertest.New(t, world)
			f := filter(t, spf.Config{Resolver: dns, MailFrom: reject, Helo: reject})
			res := miltertest.Run(t, f, c.message)
			res.AssertAccepted(t)
			assert.Contains(t, unfold(res.Header("Authentication-Results")), `spf=none reason="`+c.reason+`" smtp.mailfrom=ann@bad.example`)
			assert.Zero(t, dns.Stats().Misses)
		})
	}
	f := filter(t, spf.Config{Networks: prefixes("192.0.2.0/24", "::ffff:198.51.100.0/120"), MailFrom: reject})
	for _, client := range []string{"192.0.2.1", "198.51.100.7"} {
		res := miltertest.Run(t, f, letter("ann@bad.example", miltertest.Client(client)))
		res.AssertAccepted(t)
		assert.Contains(t, res.Header("Authentication-Results"), "spf=none")
	}
	miltertest.Run(t, f, letter("ann@bad.example", miltertest.Client("127.0.0.1"))).AssertRejected(t)
}

func withClient(m *mta.Message, c mta.Client) *mta.Message {
	m.Client = c
	return m
}

func unfold(value string) string {
	return strings.ReplaceAll(strings.ReplaceAll(value, "\n\t", "\t"), "\t ", " ")
}

// TestRelays sends mail through relays. The client is the one that the outermost names.
func TestRelays(t *testing.T) {
	t.Parallel()
	f := filter(t, spf.Config{Relays: prefixes("203.0.113.0/24"), Networks: prefixes("10.0.0.0/8", "203.0.113.0/24")})
	const (
		fromClient = "Received: from client.example.org (x [192.0.2.1]) by relay with ESMTP id 1;\n\tMon, 2 Mar 2026 10:00:00 +0000\n"
		fromRelay  = "Received: from relay (relay [203.0.113.5])\n\tby relay2 with ESMTP id 1\n"
		fromItself = "Received: from localhost (localhost [127.0.0.1]) by relay with ESMTP id 1\n"
		fromLogin  = "Received: from client.example.org (x [192.0.2.1]) by relay with ESMTPSA id 1\n"
		fromOurs   = "Received: from pc (pc [10.1.2.3]) by relay with ESMTP id 1\n"
		forged     = "Received: from bare.example (x [198.51.100.1]) by relay with ESMTP id 1\n"
	)
	tests := map[string]struct{ client, received, want string }{
		"a client":                 {"203.0.113.9", fromClient + forged, "\tspf=pass smtp.mailfrom=ann@good.example" + heloPass},
		"behind two relays":        {"203.0.113.9", fromRelay + fromClient + forged, "\tspf=pass smtp.mailfrom=ann@good.example" + heloPass},
		"a program of the relay":   {"203.0.113.9", fromRelay + fromItself + fromClient, "\tspf=none reason=\"the client of a relay is in a network of this host\"\n\t smtp.mailfrom=ann@good.example"},
		"another client":           {"203.0.113.9", forged + fromClient, "\tspf=fail smtp.mailfrom=ann@good.example;\n\tspf=fail smtp.helo=bare.example"},
		"a login at the relay":     {"203.0.113.9", fromLogin + fromClient, "\tspf=none reason=\"the client has logged in at a relay\"\n\t smtp.mailfrom=ann@good.example"},
		"one of ours":              {"203.0.113.9", fromOurs + fromClient, "\tspf=none reason=\"the client of a relay is in a network of this host\"\n\t smtp.mailfrom=ann@good.example"},
		"the relay itself":         {"203.0.113.9", "", "\tspf=none reason=\"the Received field of a relay names no client\"\n\t smtp.mailfrom=ann@good.example"},
		"a field that says little": {"203.0.113.9", "Received: by relay; now\n" + fromClient, "\tspf=none reason=\"the Received field of a relay names no client\"\n\t smtp.mailfrom=ann@good.example"},
		"not a relay":              {"192.0.2.7", forged, "\tspf=pass smtp.mailfrom=ann@good.example;\n\tspf=fail smtp.helo=client.example.org"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := miltertest.Message(c.received+"Subject: x\n\nx\n", miltertest.From("ann@good.example"), miltertest.Client(c.client), miltertest.Helo("client.example.org"))
			res := miltertest.Run(t, f, m)
			assert.Equal(t, "mx.example.net;\n"+c.want, res.Header("Authentication-Results"))
		})
	}
	t.Run("a content filter of the relay", func(t *testing.T) {
		t.Parallel()
		f := filter(t, spf.Config{Relays: prefixes("203.0.113.0/24", "127.0.0.1/32")})
		m := miltertest.Message(fromItself+fromClient+"Subject: x\n\nx\n", miltertest.From("ann@good.example"), miltertest.Client("203.0.113.9"))
		assert.Contains(t, miltertest.Run(t, f, m).Header("Authentication-Results"), "spf=pass smtp.mailfrom=ann@good.example"+heloPass)
	})
	t.Run("fields of other filters", func(t *testing.T) {
		t.Parallel()
		r := framework.NewRouter()
		r.Mount(miltertest.FilterFunc("tracer", func(r *framework.Router) error {
			add := r.GrantAddHeader()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, add.InsertTop(s, "Received", "from bare.example (x [198.51.100.1]) by here")
			})
			return nil
		}))
		r.Mount(f)
		m := miltertest.Message(fromClient+"Subject: x\n\nx\n", miltertest.From("ann@good.example"), miltertest.Client("203.0.113.9"))
		assert.Contains(t, miltertest.RunRouter(t, r, m).Header("Authentication-Results"), "spf=pass smtp.mailfrom=ann@good.example"+heloPass)
	})
}

// TestForgedResults sends results that are not of this host.
func TestForgedResults(t *testing.T) {
	t.Parallel()
	const forged = "Authentication-Results: MX.example.net; spf=pass smtp.mailfrom=ann@bad.example\n" +
		"Authentication-Results: other.example.net; spf=pass\nAuthentication-Results: old.example.net; spf=pass\n"
	dns := resolvertest.New(t, world)
	cfg := spf.Config{Resolver: dns, AlsoRemove: []string{"old.example.net"}, KeepResultsFrom: prefixes("198.51.100.0/24")}
	f := filter(t, cfg)
	send := func(client string) []string {
		m := miltertest.Message(forged+"\nx\n", miltertest.From("ann@bad.example"), miltertest.Client(client), miltertest.Helo("client.example.org"))
		return miltertest.Run(t, f, m).HeaderValues("Authentication-Results")
	}
	ours := "mx.example.net;\n\tspf=fail smtp.mailfrom=ann@bad.example" + heloPass
	assert.Equal(t, []string{ours, "other.example.net; spf=pass"}, send("192.0.2.1"))
	assert.Len(t, send("198.51.100.1"), 4)
}

// TestOneField mounts the filter before and behind one that checks DKIM.
func TestOneField(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, world)
	verifier, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: dns, AuthservID: "mx.example.net"}})
	require.NoError(t, err)
	const ours, theirs = ";\n\tspf=pass smtp.mailfrom=ann@good.example" + heloPass, ";\n\tdkim=none"
	for want, filters := range map[string][]framework.Filter{
		ours + theirs: {filter(t, spf.Config{Resolver: dns}), verifier},
		theirs + ours: {verifier, filter(t, spf.Config{Resolver: dns})},
	} {
		r := framework.NewRouter()
		for _, f := range filters {
			r.Mount(f)
		}
		res := miltertest.RunRouter(t, r, letter("ann@good.example"))
		assert.Equal(t, []string{"mx.example.net" + want}, res.HeaderValues("Authentication-Results"))
	}
}

func TestReceivedSPF(t *testing.T) {
	t.Parallel()
	f := filter(t, spf.Config{ReceivedSPF: true})
	tests := map[string]struct {
		message *mta.Message
		want    []string
	}{
		"pass": {letter("ann@good.example"), []string{
			`pass (mx.example.net: domain of ann@good.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; helo=client.example.org; envelope-from="ann@good.example"; receiver=mx.example.net; mechanism="ip4:192.0.2.0/24"`,
			`pass (mx.example.net: domain of postmaster@client.example.org designates 192.0.2.1 as permitted sender) identity=helo; client-ip=192.0.2.1; helo=client.example.org; envelope-from="postmaster@client.example.org"; receiver=mx.example.net; mechanism=a`,
		}},
		"an error, and an odd HELO": {letter("ann@wrong.example", miltertest.Helo(`a) "b\`)), []string{
			`permerror (mx.example.net: record of wrong.example: "moo": unknown mechanism) identity=mailfrom; client-ip=192.0.2.1; helo="a) \"b\\"; envelope-from="ann@wrong.example"; receiver=mx.example.net; problem="record of wrong.example: \"moo\": unknown mechanism"`,
			`none (mx.example.net: not a domain of several labels) identity=helo; client-ip=192.0.2.1; helo="a) \"b\\"; envelope-from="postmaster@a) \"b\\"; receiver=mx.example.net`,
		}},
		"a bounce of version 6": {letter("", miltertest.Client("2001:db8::1")), []string{
			`fail (mx.example.net: domain of postmaster@client.example.org does not designate 2001:db8::1 as permitted sender) identity=mailfrom; client-ip="2001:db8::1"; helo=client.example.org; envelope-from="postmaster@client.example.org"; receiver=mx.example.net; mechanism=-all`,
		}},
		"not checked": {letter("ann@bad.example", miltertest.Auth("ann")), []string{
			`none (mx.example.net: the client has logged in) identity=mailfrom; client-ip=192.0.2.1; helo=client.example.org; envelope-from="ann@bad.example"; receiver=mx.example.net`,
		}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, f, c.message)
			got := res.HeaderValues("Received-SPF")
			for i := range got {
				for l := range strings.SplitSeq(got[i], "\n") {
					assert.LessOrEqual(t, len(l), 150)
				}
				got[i] = strings.ReplaceAll(got[i], "\n", "")
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// TestResultsOf reads the results in filters around this one.
func TestResultsOf(t *testing.T) {
	t.Parallel()
	type seen struct {
		r  spf.Results
		ok bool
	}
	reader := func(name string, to *seen) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				to.r, to.ok = spf.ResultsOf(s)
				return framework.Continue, nil
			})
			return nil
		})
	}
	var before, behind seen
	r := framework.NewRouter()
	r.Mount(reader("before", &before))
	r.Mount(filter(t, spf.Config{}))
	r.Mount(reader("behind", &behind))
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	conn.Run(t, letter("ann@bad.example")).AssertAccepted(t)
	assert.False(t, before.ok)
	assert.True(t, behind.ok)
	assert.Equal(t, spf.Fail, behind.r.MailFrom.Status)
	assert.Equal(t, "bad.example", behind.r.MailFrom.Domain)
	assert.Equal(t, spf.Pass, behind.r.Helo.Status)
	conn.Run(t, letter("ann@good.example", miltertest.Auth("ann"))).AssertAccepted(t)
	assert.False(t, before.ok, "nothing is left of the last message")
	assert.Equal(t, spf.None, behind.r.MailFrom.Status)
	assert.Equal(t, "the client has logged in", behind.r.Skipped)
}

// counter keeps what Observe is told.
type counter struct {
	mu   sync.Mutex
	seen []string
}

func (c *counter) observe(r spf.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, string(r.Identity)+" "+string(r.Status))
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var c counter
	f := filter(t, spf.Config{Observe: c.observe})
	conn := miltertest.NewServer(t, f).Dial(t)
	conn.Run(t, letter("ann@bad.example"))
	conn.Run(t, letter(""))
	conn.Run(t, letter("ann@bad.example", miltertest.Auth("ann")))
	assert.Equal(t, []string{"mailfrom fail", "helo pass", "mailfrom pass"}, c.seen)
}

func TestLog(t *testing.T) {
	t.Parallel()
	f := filter(t, spf.Config{MailFrom: spf.Policy{PermError: spf.Reject}})
	res := miltertest.Run(t, f, letter("ann@wrong.example"))
	for message, want := range map[string]map[string]string{
		"checked":        {"identity": "mailfrom", "result": "permerror", "domain": "wrong.example"},
		"policy applied": {"action": "reject", "identity": "mailfrom", "result": "permerror"},
	} {
		record, ok := res.Logs.Find(message)
		require.True(t, ok, message)
		for key, value := range want {
			got, _ := miltertest.LogAttr(record, key)
			assert.Equal(t, value, got.String(), key)
		}
	}
}

// quiet keeps the server from logging.
func quiet() miltertest.Option {
	return miltertest.Configure(func(c *framework.Config) { c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil)) })
}
