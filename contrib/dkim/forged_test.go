package dkim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// forgedResults are fields that claim to come from this host, in many
// spellings.
func forgedResults() []string {
	return []string{
		"Authentication-Results: mx.example.net; dkim=pass header.d=bank.example",
		"authentication-results: MX.Example.NET; dkim=pass",
		"AUTHENTICATION-RESULTS:mx.example.net;dkim=pass",
		"Authentication-Results: mx.example.net 1; dkim=pass",
		"Authentication-Results: mx.example.net/1; dkim=pass",
		"Authentication-Results: (really) mx.example.net (yes (indeed)) 1 (;) ; dkim=pass",
		"Authentication-Results:\n mx.example.net;\n\tdkim=pass",
		"Authentication-Results:\n\t(a\n\tb)\n\tmx.example.net\n\t;\n\tdkim=pass",
		`Authentication-Results: "mx.example.net"; dkim=pass`,
		`Authentication-Results: "mx.exam\ple.net" 1; dkim=pass`,
		"Authentication-Results: mx.example.net.; dkim=pass",
		"Authentication-Results: mx.example.net",
		"Authentication-Results: mx.example.net; none",
		"Authentication-Results: (a\\)b) mx.example.net; dkim=pass",
		"Authentication-Results : mx.example.net; dkim=pass",
		"Authentication-Results:mx.example.net/1(x)/ 1;dkim=pass",
		"Authentication-Results: mx.example.net..; dkim=pass",
		"Authentication-Results: \" mx.example.net \"; dkim=pass",
		"Authentication-Results: mx.example.net (x) / (y) 1; dkim=pass",
		"Authentication-Results: \uff4dx\u3002example\uff0enet; dkim=pass",
		// These fields are malformed, and other programs might accept
		// them as fields of this host.
		"Authentication-Results: (never closed mx.example.net; dkim=pass",
		`Authentication-Results: "mx.example.net; dkim=pass`,
		"Authentication-Results: mx.example.net dkim=pass",
		"Authentication-Results: mx.example.net, dkim=pass",
		"Authentication-Results: ; mx.example.net; dkim=pass",
		"Authentication-Results: mx.example.net:25; dkim=pass",
		"Authentication-Results: <mx.example.net>; dkim=pass",
		"Authentication-Results: [mx.example.net]; dkim=pass",
		"Authentication-Results: root@mx.example.net; dkim=pass",
		"Authentication-Results: mx.exam\n ple.net; dkim=pass",
		"Authentication-Results: mx . example . net; dkim=pass",
		"Authentication-Results: mx.(a)example(b).net; dkim=pass",
		`Authentication-Results: "mx".example."net"; dkim=pass`,
		`Authentication-Results: "mx.example.net; dkim=pass"; spf=pass`,
		"Authentication-Results: =?utf-8?q?mx=2Eexample.net?=; dkim=pass",
		"Authentication-Results: =?utf-8?b?bXguZXhhbXBsZS5uZXQ=?=; dkim=pass",
		"Authentication-Results: mx.example.net) ; dkim=pass",
		"Authentication-Results: \u00a0mx.example.net; dkim=pass",
		"Authentication-Results: mx.example.net\u3000; dkim=pass",
		"Authentication-Results: mx.exam\u200bple.net; dkim=pass",
		"Authentication-Results: \xa0mx.example.net; dkim=pass",
		"Authentication-Results\t: mx.example.net; dkim=pass",
	}
}

// foreignResults are not ours.
func foreignResults() []string {
	return []string{
		"Authentication-Results: mx.example.com; dkim=pass",
		"Authentication-Results: a.mx.example.net; dkim=pass",
		"Authentication-Results: mx.example.net.evil.example; dkim=pass",
		"Authentication-Results: (mx.example.net) mx.example.com; dkim=pass",
		"Authentication-Results: mx.example.com; dkim=pass header.d=mx.example.net",
		"Authentication-Results: mx.example.network 1; none",
		"Authentication-Results: \"mx.example.com\" (mx.example.net) 1; spf=pass smtp.mailfrom=a@mx.example.net",
		"Authentication-Results: mx.b\u00fccher.example; spf=pass smtp.mailfrom=a@mx.example.net",
		"Authentication-Results: [192.0.2.1]; dkim=pass",
		"Authentication-Results: (unreadable",
		"ARC-Authentication-Results: i=1; mx.example.net; dkim=pass",
		"X-Authentication-Results: mx.example.net; dkim=pass",
		"Original-Authentication-Results: mx.example.net; dkim=pass",
	}
}

// shuffled returns n fields of random kinds in random order, and the fields of
// them that must stay.
func shuffled(rnd *rand.Rand, n int) (fields, stay []string) {
	forged, foreign := forgedResults(), foreignResults()
	for range n {
		if rnd.IntN(2) == 0 {
			fields = append(fields, forged[rnd.IntN(len(forged))])
			continue
		}
		f := foreign[rnd.IntN(len(foreign))]
		fields, stay = append(fields, f), append(stay, f)
	}
	return fields, stay
}

func TestForgedResults(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net"}})
	require.NoError(t, err)
	for name, offer := range map[string]mta.Config{"Postfix": {}, "Sendmail": {Flavor: mta.Sendmail}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := miltertest.NewServer(t, f, quiet()).DialMTA(t, offer)
			rnd := rand.New(rand.NewPCG(3, 4))
			check := func(fields, stay []string) {
				text := "Received: from a\n" + strings.Join(append(fields, fromAnn), "\n") + "\nx\n"
				res := conn.Run(t, miltertest.Message(text))
				require.NotNil(t, res.Edited)
				var left []string
				for _, h := range res.Edited.Header {
					if strings.HasSuffix(strings.ToLower(h.Name), "authentication-results") {
						left = append(left, strings.ReplaceAll(h.Name+":"+h.Value, "\r\n", "\n"))
					}
				}
				want := append([]string{"Authentication-Results: mx.example.net;\n\tdkim=none"}, stay...)
				require.Equal(t, want, left, text)
			}
			for _, one := range forgedResults() {
				check([]string{one}, nil)
			}
			for _, one := range foreignResults() {
				check([]string{one}, []string{one})
			}
			for n := range 21 {
				for range 5 {
					check(shuffled(rnd, n))
				}
			}
		})
	}
}

// TestResultsThatStay checks that results with the name of this host stay if
// they come from a relay.
func TestResultsThatStay(t *testing.T) {
	t.Parallel()
	text := "Authentication-Results: mx.example.net; spf=pass\n" + fromAnn + "\nx\n"
	cfg := dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net", Relays: prefixes("192.0.2.0/24")}
	tests := map[string]struct {
		client string
		want   int
	}{"a relay": {"192.0.2.7", 2}, "another": {"198.51.100.1", 1}}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := dkim.NewVerifier(dkim.Config{Verifying: cfg})
			require.NoError(t, err)
			res := miltertest.Run(t, f, miltertest.Message(text, miltertest.Client(c.client)))
			assert.Len(t, res.HeaderValues("Authentication-Results"), c.want)
		})
	}
}

func TestAlsoRemove(t *testing.T) {
	t.Parallel()
	cfg := dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net", AlsoRemove: []string{"old.example.net"}}
	f, err := dkim.NewVerifier(dkim.Config{Verifying: cfg})
	require.NoError(t, err)
	res := miltertest.Run(t, f, miltertest.Message("Authentication-Results: OLD.example.net; spf=pass\n"+fromAnn+"\nx\n"))
	assert.Len(t, res.HeaderValues("Authentication-Results"), 1)
}

// TestForgedInOurOwnMail checks that forged results are also removed from a
// message that is signed, or that is neither signed nor verified.
func TestForgedInOurOwnMail(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	excepting, published := forExample(k), forExample(k)
	excepting.ExceptRecipients = []string{"list@example.net"}
	published.Resolver = zone{}
	for name, c := range map[string]struct {
		signing dkim.Signing
		to      string
		signed  bool
	}{
		"signed":                {forExample(k), "bob@example.net", true},
		"an excepted recipient": {excepting, "list@example.net", false},
		"no key in the DNS":     {published, "bob@example.net", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := both(t, dkim.Config{Signing: c.signing, Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net"}})
			message := "Authentication-Results: mx.example.net; dkim=pass\n" + fromAnn + "\nx\n"
			res := miltertest.Run(t, f, fromHere(message, miltertest.Auth("eve"), miltertest.To(c.to)))
			assert.Equal(t, c.signed, res.Header("DKIM-Signature") != "")
			assert.Empty(t, res.HeaderValues("Authentication-Results"))
		})
	}
}

// TestForgedBehindAnotherFilter mounts the filter after one that adds a field
// with the name of this host and removes some fields. The field that the other
// filter added is not forged.
func TestForgedBehindAnotherFilter(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("adder", func(r *framework.Router) error {
		add, change := r.GrantAddHeader(), r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if err := change.Delete(s, framework.NthHeader("Authentication-Results", 2)); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, add.InsertTop(s, "Authentication-Results", "mx.example.net; spf=pass")
		})
		return nil
	}))
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net"}})
	require.NoError(t, err)
	r.Mount(f)
	var fields strings.Builder
	for i := range 4 {
		_, _ = fmt.Fprintf(&fields, "Authentication-Results: mx.example.net; n=%d\n", i)
	}
	res := miltertest.RunRouter(t, r, miltertest.Message(fields.String()+fromAnn+"\nx\n"))
	assert.Equal(t, []string{"mx.example.net; spf=pass;\n\tdkim=none"}, res.HeaderValues("Authentication-Results"))
}

// spf is a filter that checks SPF, with the name of this host.
type spf struct{}

func (spf) Name() string { return "spf" }

func (spf) Register(r *framework.Router) error {
	forged, results := authres.NewRemover(r), authres.NewCollector(r)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if _, err := forged.Remove(s, authres.Judge{IDs: []string{"mx.example.net"}}); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, results.Write(s, "mx.example.net", authres.Result{Method: "spf", Value: "pass"})
	})
	return nil
}

// TestBesideSPF mounts the filter before and behind one that checks SPF. Both
// results are in one field, and what the sender forged is gone.
func TestBesideSPF(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net"}})
	require.NoError(t, err)
	for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
		for want, filters := range map[string][]framework.Filter{
			"mx.example.net;\n\tspf=pass;\n\tdkim=none": {spf{}, f},
			"mx.example.net;\n\tdkim=none;\n\tspf=pass": {f, spf{}},
		} {
			t.Run(want+" on "+p.Name, func(t *testing.T) {
				t.Parallel()
				for _, fields := range [][]string{nil, forgedResults()} {
					r := framework.NewRouter()
					for _, f := range filters {
						r.Mount(f)
					}
					text := strings.Join(append(fields, fromAnn), "\n") + "\nx\n"
					res := miltertest.RunRouter(t, r, miltertest.Message(text), miltertest.As(p))
					assert.Equal(t, []string{want}, res.HeaderValues("Authentication-Results"))
				}
			})
		}
	}
}

// TestFieldsOfOtherNames checks that a field is what its name says in ASCII: a
// long s and a Kelvin sign make another name, and a space before the colon does
// not.
func TestFieldsOfOtherNames(t *testing.T) {
	t.Parallel()
	f := both(t, dkim.Config{
		Signing:   forExample(key(t, "example.org", "e", "ed25519")),
		Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net"},
	})
	for name, stays := range map[string]bool{
		"Authentication-Re\u017fults": true, "Authentication-Result\u017f": true, "D\u212aIM-Signature": true, "DKIM-\u017fignature": true,
		"Authentication-Results ": false, "AUTHENTICATION-RESULTS\t": false,
	} {
		for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
			for _, msg := range []*messageOf{miltertest.Message(fromAnn + "\nx\n"), fromHere(fromAnn+"\nx\n", miltertest.Auth("eve"))} {
				msg.Header = append(msg.Header, mta.Field{Name: name, Value: " mx.example.net; spf=pass"})
				res := miltertest.Run(t, f, msg, miltertest.As(p))
				require.NotNil(t, res.Edited, "%q on %s: %s", name, p.Name, res.Reply())
				assert.Equal(t, stays, slices.ContainsFunc(res.Edited.Header, func(f mta.Field) bool { return f.Name == name }), "%q on %s", name, p.Name)
				if stays && len(res.HeaderValues("DKIM-Signature")) == 0 {
					assert.Equal(t, mta.Field{Name: "Authentication-Results", Value: " mx.example.net;\n\tdkim=none"}, res.Edited.Header[0], "%q on %s", name, p.Name)
				}
			}
		}
	}
}
