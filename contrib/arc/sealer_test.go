package arc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// journal keeps what Observe is told.
type journal struct {
	mu   sync.Mutex
	seen []arc.Sealing
}

func (j *journal) observe(what arc.Sealing) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seen = append(j.seen, what)
}

func (j *journal) all() []arc.Sealing {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seen
}

// sealer returns a filter of mx.example.net.
func sealer(t testing.TB, cfg arc.SealerConfig) *arc.Sealer {
	t.Helper()
	own := hop(t, "example.net")
	cfg.Domain, cfg.Selector, cfg.Signer, cfg.AuthservID, cfg.Now = own.Domain, own.Selector, own.Signer, own.AuthservID, own.Now
	f, err := arc.NewSealer(cfg)
	require.NoError(t, err)
	return f
}

// mount returns a router with filters.
func mount(filters ...framework.Filter) *framework.Router {
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	return r
}

// text returns a message as it was delivered.
func text(m *mta.Message) string {
	var b strings.Builder
	for _, f := range m.Header {
		b.WriteString(f.Name + ":" + strings.ReplaceAll(f.Value, "\n", "\r\n") + "\r\n")
	}
	return b.String() + "\r\n" + string(m.Body)
}

// checker is a filter that writes a result as the filters of mx.example.net do.
func checker(method, value string) framework.Filter {
	return miltertest.FilterFunc(method, func(r *framework.Router) error {
		results := authres.NewCollector(r)
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, results.Write(s, "mx.example.net", authres.Result{
				Method: method, Value: value, Reason: `a "reason"; with (all)`,
				Properties: []authres.Property{{Type: "smtp", Name: "mailfrom", Value: "ann@example.org"}},
			})
		})
		return nil
	})
}

// TestSealer seals messages behind filters that edit, with every mail server of the test kit. The
// set is on top of the message that is delivered, and continues its chain.
func TestSealer(t *testing.T) {
	t.Parallel()
	z := published(t, append(domains, "example.net")...)
	for _, personality := range miltertest.Personalities() {
		for n := range 3 {
			seen := new(journal)
			r := mount(checker("spf", "pass"), verifier(t, z), checker("x-scan", "neutral"),
				adder([2]string{"X-Top", "1"}, [2]string{"X-Top", "2"}), sealer(t, arc.SealerConfig{Observe: seen.observe}))
			res := miltertest.RunRouter(t, r, miltertest.Message(sealed(t, n, letter)), miltertest.As(personality))
			res.AssertAccepted(t)
			for i, name := range setNames {
				assert.Equal(t, name, res.Edited.Header[i].Name)
			}
			state := arc.Pass
			if n == 0 {
				state = arc.None
			}
			assert.Equal(t, []arc.Sealing{{Instance: n + 1, Chain: state}}, seen.all())

			result := verify(t, z, text(res.Edited))
			require.Equal(t, arc.Pass, result.Status, "%s\n%s", result.Reason, text(res.Edited))
			assert.Equal(t, n+1, result.Instances)
			assert.Zero(t, result.OldestPass)
			own, err := authres.Parse(res.Header("Authentication-Results"))
			require.NoError(t, err)
			assert.Equal(t, own, result.Sets[n].Results, "the same results")
			require.Len(t, own.Results, 3)
			assert.Equal(t, []string{"spf", "arc", "x-scan"}, []string{own.Results[0].Method, own.Results[1].Method, own.Results[2].Method})
		}
	}
}

// TestSealerOfTheKit runs verifier and sealer with every mail server of the test kit.
func TestSealerOfTheKit(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, sealer(t, arc.SealerConfig{}), miltertest.Messages(miltertest.Message(letter)))
}

// TestEdits signs what is delivered: the subject and the body of the filters before.
func TestEdits(t *testing.T) {
	t.Parallel()
	z := published(t, append(domains, "example.net")...)
	editor := miltertest.FilterFunc("editor", func(r *framework.Router) error {
		headers, change, body := r.WantHeaders(), r.GrantChangeHeader(), r.GrantReplaceBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			subject, _ := headers.First(s, "Subject")
			if err := change.Change(s, subject.Handle, "[list] hello"); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, body.Replace(s, []byte("Footer  \r\n\r\n"))
		})
		return nil
	})
	res := miltertest.RunRouter(t, mount(verifier(t, z), editor, sealer(t, arc.SealerConfig{})), miltertest.Message(sealed(t, 2, letter)))
	r := verify(t, z, text(res.Edited))
	assert.Equal(t, arc.Pass, r.Status, r.Reason)
	assert.Equal(t, 3, r.OldestPass)
	assert.Equal(t, arc.Pass, r.Sets[2].Chain, "what arrived was valid")
}

// TestNotSealed lists which messages are not sealed.
func TestNotSealed(t *testing.T) {
	t.Parallel()
	z := published(t, append(domains, "example.net")...)
	v := func(t *testing.T) framework.Filter { t.Helper(); return verifier(t, broken{z, "arc._domainkey.four"}) }
	every := arc.SealerConfig{Networks: []netip.Prefix{}}
	for name, c := range map[string]struct {
		cfg     arc.SealerConfig
		message *mta.Message
		others  []framework.Filter
		bare    bool   // without a verifier
		want    string // "" if it is sealed
	}{
		"from elsewhere":        {message: miltertest.Message(letter)},
		"logged in":             {message: miltertest.Message(letter, miltertest.Auth("ann")), want: "the client has logged in"},
		"logged in, sealed":     {cfg: arc.SealerConfig{Authenticated: true}, message: miltertest.Message(letter, miltertest.Auth("ann"))},
		"this host":             {message: miltertest.Message(letter, miltertest.Client("127.0.0.1")), want: "the client is in a network of this host"},
		"this host, IPv6":       {message: miltertest.Message(letter, miltertest.Client("::1")), want: "the client is in a network of this host"},
		"this host, sealed":     {cfg: every, message: miltertest.Message(letter, miltertest.Client("127.0.0.1"))},
		"no verifier":           {message: miltertest.Message(letter), bare: true, want: "no verifier has verified the chain"},
		"failed before":         {message: miltertest.Message(change(t, sealed(t, 2, letter), "cv=pass", "cv=fail")), want: "an earlier host has sealed the chain as failed"},
		"temporary":             {message: miltertest.Message(sealed(t, 4, letter)), want: "the DNS did not answer for a key of the chain"},
		"instance 50":           {message: miltertest.Message("ARC-Seal: i=50; cv=none\r\n" + letter), want: "the chain has 50 instances"},
		"many fields":           {message: miltertest.Message(strings.Repeat("ARC-Seal: i=1; cv=none\r\n", 151) + letter), want: "the chain has 50 instances"},
		"no From":               {message: miltertest.Message("Subject: x\n\nx\n"), want: "the message has no From field"},
		"many fields to sign":   {message: miltertest.Message(strings.Repeat("To: bob\n", 1000) + letter), want: "the message has too many fields to sign"},
		"a set by another":      {message: miltertest.Message(letter), others: []framework.Filter{adder([2]string{"ARC-Seal", "i=1; cv=none"})}, want: "the chain is not the one that was verified"},
		"the results are large": {message: miltertest.Message(letter), others: []framework.Filter{adder([2]string{"Authentication-Results", "mx.example.net; spf=pass " + strings.Repeat("\n (x)", 9000)}, [2]string{"Authentication-Results", "mx.example.net; dkim=pass " + strings.Repeat("\n (x)", 9000)})}, want: "the results are too long for one field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := new(journal)
			c.cfg.Observe = seen.observe
			filters := append([]framework.Filter{v(t)}, c.others...)
			if c.bare {
				filters = nil
			}
			res := miltertest.RunRouter(t, mount(append(filters, sealer(t, c.cfg))...), c.message)
			res.AssertAccepted(t)
			require.Len(t, seen.all(), 1)
			assert.Equal(t, c.want, seen.all()[0].Reason)
			added := len(res.Edited.Header) > 0 && res.Edited.Header[0].Name == "ARC-Seal" && strings.Contains(res.Edited.Header[0].Value, "d=example.net")
			assert.Equal(t, c.want == "", added)
			if c.want != "" {
				assert.Zero(t, seen.all()[0].Instance)
				for _, l := range res.Logs {
					if l.Message == "not sealed" {
						assert.Equal(t, strings.HasPrefix(c.want, "the client"), l.Level == slog.LevelDebug)
					}
				}
			}
		})
	}
}

// TestSealsFailure seals a chain that fails, and does not seal it again. TestSigningSuite shows that
// such a seal covers its own set only.
func TestSealsFailure(t *testing.T) {
	t.Parallel()
	z := published(t, append(domains, "example.net")...)
	for name, message := range map[string]string{
		"changed": change(t, sealed(t, 2, letter), "hello", "help"),
		"a gap":   drop(t, sealed(t, 2, letter), "ARC-Seal", 2),
	} {
		seen := new(journal)
		r := mount(verifier(t, z), sealer(t, arc.SealerConfig{Observe: seen.observe}))
		res := miltertest.RunRouter(t, r, miltertest.Message(message))
		assert.Equal(t, []arc.Sealing{{Instance: 3, Chain: arc.Fail}}, seen.all(), name)
		result := verify(t, z, text(res.Edited))
		assert.Equal(t, arc.Fail, result.Status)
		if name == "changed" {
			assert.Equal(t, "the ARC-Seal of instance 3 says that the chain had failed (cv=fail)", result.Reason)
			assert.Len(t, result.Sets, 3)
		}
		conn := miltertest.NewRouterServer(t, r).Dial(t)
		again := conn.Run(t, res.Edited)
		assert.Equal(t, res.Edited.Header[0], firstSeal(again.Edited), "it is not sealed again")
	}
}

// firstSeal returns the topmost ARC-Seal field.
func firstSeal(m *mta.Message) mta.Field {
	for _, f := range m.Header {
		if f.Name == "ARC-Seal" {
			return f
		}
	}
	return mta.Field{}
}

// TestOwnResults takes results only from fields of this host that filters of this router added.
func TestOwnResults(t *testing.T) {
	t.Parallel()
	z := published(t, "example.net")
	const forged = "Authentication-Results: example.com; spf=pass\r\nAuthentication-Results: MX.example.net; spf=fail\r\n"
	for name, c := range map[string]struct {
		added []string
		want  string
	}{
		"none":           {nil, "i=1; mx.example.net; arc=none"},
		"of another":     {[]string{"mx.example.com; spf=pass"}, "i=1; mx.example.net; arc=none"},
		"no results":     {[]string{"mx.example.net; none"}, "i=1; mx.example.net; arc=none"},
		"malformed":      {[]string{"mx.example.net; spf=pass \"x"}, "i=1; mx.example.net; arc=none"},
		"without ARC":    {[]string{"mx.example.net; spf=pass (a; \\) b) reason=\"x; y\";"}, "i=1; mx.example.net; arc=none; spf=pass (a; \\) b) reason=\"x; y\""},
		"with ARC":       {[]string{"mx.example.net; x-arc=pass; arc=none"}, "i=1; mx.example.net; x-arc=pass; arc=none"},
		"several fields": {[]string{"(c;d) \"MX.example.net\" (e;f) 1; spf=pass", "mx.example.net; arc=none;\n\tdmarc=fail"}, "i=1; mx.example.net; spf=pass; arc=none; dmarc=fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fields [][2]string
			for _, value := range c.added {
				fields = append(fields, [2]string{"Authentication-Results", value})
			}
			// The verifier writes as another host, so that the fields are those of the adder.
			v, err := arc.NewVerifier(arc.VerifierConfig{Resolver: z, AuthservID: "other.example"})
			require.NoError(t, err)
			res := miltertest.RunRouter(t, mount(v, adder(fields...), sealer(t, arc.SealerConfig{})), miltertest.Message(forged+letter))
			assert.Equal(t, c.want, one(res.Header("ARC-Authentication-Results")))
			assert.Equal(t, arc.Pass, verify(t, z, text(res.Edited)).Status)
		})
	}
}

func TestSignedFields(t *testing.T) {
	t.Parallel()
	z := published(t, "example.net")
	for want, cfg := range map[string]arc.SealerConfig{
		"h=from:subject:date:to:dkim-signature:dkim-signature;": {},
		"h=from:subject;": {Headers: []string{"SUBJECT", "subject", "X-Missing"}},
		"h=subject:from;": {Headers: []string{"Subject", "From", "Received-SPF"}},
	} {
		res := miltertest.RunRouter(t, mount(verifier(t, z), sealer(t, cfg)),
			miltertest.Message("DKIM-Signature: v=1\r\nDKIM-Signature: v=2\r\n"+letter))
		assert.Contains(t, strings.ReplaceAll(one(res.Header("ARC-Message-Signature")), ": ", ":"), want)
	}
	for line := range strings.Lines(sealed(t, 1, strings.Repeat("References: <x@example.org>\r\n", 30)+letter)) {
		assert.LessOrEqual(t, len(strings.TrimRight(line, "\r\n")), 78)
	}
}

// TestSealerMemory refuses a message whose header does not fit into the memory of the server.
func TestSealerMemory(t *testing.T) {
	t.Parallel()
	large := "X-Field: " + strings.Repeat("x", 500) + "\n"
	res := miltertest.RunRouter(t, mount(verifier(t, zone{}), sealer(t, arc.SealerConfig{})),
		miltertest.Message(strings.Repeat(large, 200)+letter), quiet(),
		miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = 200 << 10 }))
	assert.Equal(t, "452 4.3.1 the mail filter is short of storage, try again later", res.Reply())
}

func TestSealerConfig(t *testing.T) {
	t.Parallel()
	weak := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1022), E: 65537}}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	good := hop(t, "example.net")
	for name, c := range map[string]struct {
		change func(*arc.SealerConfig)
		want   string
	}{
		"nothing":       {func(c *arc.SealerConfig) { *c = arc.SealerConfig{} }, "no private key\n\"\" is not a selector"},
		"domain":        {func(c *arc.SealerConfig) { c.Domain = "x y" }, "\"x y\" is not a domain"},
		"Ed25519":       {func(c *arc.SealerConfig) { c.Signer = private(t, "ed25519") }, "an Ed25519 key: many hosts know only RSA, and would fail the chain for good"},
		"EC":            {func(c *arc.SealerConfig) { c.Signer = curve }, "not an RSA key"},
		"weak":          {func(c *arc.SealerConfig) { c.Signer = weak }, "the RSA key has less than 1024 bits"},
		"signs results": {func(c *arc.SealerConfig) { c.Headers = []string{"Authentication-Results", "ARC-Seal"} }, "the header field \"Authentication-Results\" must not be signed\nthe header field \"ARC-Seal\" must not be signed"},
		"signs trace":   {func(c *arc.SealerConfig) { c.Headers = []string{"Received", "a:b", ""} }, "the header field \"Received\" must not be signed\n\"a:b\" is not a valid header field name\n\"\" is not a valid header field name"},
		"names":         {func(c *arc.SealerConfig) { c.AuthservID, c.Networks = "a b", make([]netip.Prefix, 1) }, "\"a b\" is not a name of a host\nNetworks: a network is not valid"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := arc.NewSealer(cfg)
		assert.EqualError(t, err, "arc: configuration: "+c.want, name)
	}
	f, err := arc.NewSealer(good)
	require.NoError(t, err)
	assert.Equal(t, "arc-seal", f.Name())
}

func TestSealErrors(t *testing.T) {
	t.Parallel()
	cfg := hop(t, "example.net")
	_, err := arc.Seal(cfg, arc.Result{Status: arc.None}, strings.NewReader("Subject: x\r\n\r\n"))
	require.ErrorIs(t, err, arc.ErrNotSealed)
	_, err = arc.Seal(cfg, arc.Result{Status: arc.Pass, Instances: 1}, strings.NewReader(letter))
	require.ErrorIs(t, err, arc.ErrNotSealed, "there is no chain")
	_, err = arc.Seal(cfg, arc.Result{Status: arc.None}, strings.NewReader(sealed(t, 1, letter)))
	require.ErrorIs(t, err, arc.ErrNotSealed, "there is a chain")
	_, err = arc.Seal(cfg, arc.Result{Status: arc.None}, strings.NewReader("moo\r\n\r\n"))
	require.EqualError(t, err, "arc: a line of the header has no colon")
	cfg.AuthservID = ""
	_, err = arc.Seal(cfg, arc.Result{Status: arc.None}, strings.NewReader(letter))
	require.EqualError(t, err, "arc: configuration: no AuthservID")
	_, err = arc.Seal(arc.SealerConfig{AuthservID: "mx"}, arc.Result{}, strings.NewReader(letter))
	require.ErrorContains(t, err, "no private key")
}

// TestSharedKey uses one key for DKIM and ARC.
func TestSharedKey(t *testing.T) {
	t.Parallel()
	cfg := hop(t, "example.org")
	z := published(t, "example.org")
	fields, err := dkim.Sign(dkim.Signing{Rules: []dkim.Rule{{
		Senders: []string{"example.org"}, Keys: []dkim.Key{{Domain: cfg.Domain, Selector: cfg.Selector, Signer: cfg.Signer}},
	}}}, strings.NewReader(letter))
	require.NoError(t, err)
	message := sealBy(t, z, "example.org", fields[0]+letter)
	assert.Equal(t, arc.Pass, verify(t, z, message).Status)
	results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: z}, strings.NewReader(message))
	require.NoError(t, err)
	require.Len(t, results, 1)
	assert.Equal(t, dkim.StatusPass, results[0].Status)
}
