package mailauth_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// goodTexts are the records of good.example, which sends from anywhere and signs.
func goodTexts(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"good.example.":              "v=spf1 ip4:192.0.2.0/24 -all",
		"_dmarc.good.example.":       "v=DMARC1; p=reject",
		"s._domainkey.good.example.": keyRecord(t),
	}
}

// all is a message for which each method needs the DNS.
func all(t *testing.T) *mta.Message {
	t.Helper()
	return sealed(t, signed(t, letter("good.example"), "good.example"), "good.example", "dmarc=pass header.from=good.example")
}

// patience is the timeout of lookups that are answered, however busy the machine is.
const patience = time.Minute

// unhurried gives the filters more time than the lookups have.
func unhurried() miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) { cfg.HandlerTimeout, cfg.MessageTimeout = 2*patience, 2*patience })
}

// Whatever a name server does, each method says so, the message is answered in time, and nothing
// passes without proof.
func TestNameServers(t *testing.T) {
	t.Parallel()
	pass := map[string]string{"spf": "pass", "dkim": "pass", "arc": "pass", "dmarc": "pass"}
	unknown := map[string]string{"spf": "temperror", "dkim": "temperror", "arc": "fail", "dmarc": "temperror"}
	nothing := map[string]string{"spf": "none", "dkim": "permerror", "arc": "fail", "dmarc": "none"}
	tests := map[string]struct {
		server *nameserver
		want   map[string]string
		limit  time.Duration // of the lookups: short only if nothing else ends them
	}{
		"right":           {&nameserver{}, pass, patience},
		"slow":            {&nameserver{delay: 300 * time.Millisecond}, pass, patience},
		"truncated":       {&nameserver{truncated: true}, pass, patience},
		"large":           {&nameserver{padding: 10}, pass, patience},
		"dead":            {&nameserver{silent: true}, unknown, time.Second},
		"too slow":        {&nameserver{delay: 20 * time.Second}, unknown, time.Second},
		"another name":    {&nameserver{otherName: true}, unknown, time.Second},
		"garbage":         {&nameserver{garbage: true}, unknown, time.Second},
		"nothing exists":  {&nameserver{nothing: true}, nothing, patience},
		"larger than all": {&nameserver{padding: 200}, map[string]string{"spf": "permerror", "dkim": "permerror", "arc": "fail", "dmarc": "permerror"}, patience},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			msg := all(t)
			c.server.texts = goodTexts(t)
			var o seen
			r := router(t, mailauth.Config{
				Resolver: c.server.start(t, resolver.Config{Timeout: time.Hour}), Timeout: c.limit, Observe: o.observe,
				SPF: spf.Config{HeloIfNeeded: true},
			})
			res := miltertest.RunRouter(t, r, msg, unhurried())
			res.AssertAccepted(t)
			got := counts(o.last(t))
			delete(got, "helo")
			assert.Equal(t, c.want, got, "%s", res.Header("Authentication-Results"))
		})
	}
}

// With a name server that is dead, all lookups of a message together take the timeout once, from
// the end of the header. What each method needed is a temperror, and the configured actions
// apply.
func TestOneDeadline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   mailauth.Config
		took  time.Duration
		reply string
	}{
		"default": {mailauth.Config{}, 5 * time.Second, ""},
		"longer":  {mailauth.Config{Timeout: 8 * time.Second}, 8 * time.Second, ""},
		"spf defers": {
			mailauth.Config{SPF: spf.Config{MailFrom: spf.Policy{TempError: spf.TempFail}}},
			4 * time.Second,
			"451 4.7.24 SPF check of MAIL FROM: temperror, TXT good.example: no answer from the DNS",
		},
		"dmarc defers": {
			mailauth.Config{DMARC: dmarc.Config{Actions: dmarc.Actions{TempError: dmarc.TempFail}}},
			5 * time.Second,
			"451 4.7.1 DMARC: temperror, The lookup of _dmarc.good.example (TXT) failed: the time for the message is over. Later, it may succeed.",
		},
	} {
		msg := all(t)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var o seen
				c.cfg.Resolver = resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, world, resolvertest.Silent("."))
				c.cfg.Observe = o.observe
				r := router(t, c.cfg)
				began := time.Now()
				res := miltertest.RunRouter(t, r, msg)
				assert.Equal(t, c.took, time.Since(began).Round(100*time.Millisecond))
				assert.Equal(t, c.reply, res.Reply())
				if c.reply == "" {
					assert.Equal(t, map[string]string{"spf": "temperror", "helo": "temperror", "dkim": "temperror", "arc": "fail", "dmarc": "temperror"}, counts(o.last(t)))
					assert.True(t, o.last(t).ARC.TempError)
				}
				assert.Equal(t, c.took, o.last(t).Took.Round(100*time.Millisecond))
			})
		})
	}
}

// The name servers of a sender cannot use up the time for the policy of the author's domain: with
// a signature whose key does not come, a message of another domain fails all the same.
func TestSlowKeyDoesNotHideAFail(t *testing.T) {
	t.Parallel()
	msg := signed(t, letter("bad.example"), "slow.example", "evil.example")
	synctest.Test(t, func(t *testing.T) {
		dns := resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, world+keyZone(t, "evil.example"), resolvertest.Silent("slow.example"))
		r := router(t, mailauth.Config{Resolver: dns, DMARC: dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject}}})
		began := time.Now()
		res := miltertest.RunRouter(t, r, msg)
		assert.Equal(t, 4*time.Second, time.Since(began).Round(100*time.Millisecond))
		res.AssertRejected(t)
	})
}

// With answers in the cache, a message waits for nothing, even if the name server has died since.
func TestWarmCache(t *testing.T) {
	t.Parallel()
	msg := all(t)
	server := &nameserver{texts: goodTexts(t)}
	var o seen
	dns := server.start(t, resolver.Config{Timeout: time.Hour})
	r := router(t, mailauth.Config{Resolver: dns, Timeout: patience, Observe: o.observe, SPF: spf.Config{HeloIfNeeded: true}})
	conn := miltertest.NewRouterServer(t, r, unhurried()).Dial(t)
	conn.Run(t, msg)
	queries := server.queries.Load()
	server.silent = true
	conn.Run(t, msg)
	assert.Equal(t, map[string]string{"spf": "pass", "dkim": "pass", "arc": "pass", "dmarc": "pass"}, counts(o.last(t)))
	assert.Equal(t, queries, server.queries.Load())
}

// A message of one domain needs three queries, and one more for a HELO with a policy of addresses
// alone. 500 messages of 50 domains need few.
func TestQueries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  spf.Config
		want uint64
	}{"HELO if needed": {spf.Config{HeloIfNeeded: true}, 3}, "with HELO": {spf.Config{}, 4}} {
		zone := "client.example.org. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
		var domains []string
		for i := range 50 {
			domain := fmt.Sprintf("d%d.example", i)
			domains = append(domains, domain)
			zone += domain + ". TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n_dmarc." + domain + ". TXT \"v=DMARC1; p=reject\"\n"
		}
		dns := resolvertest.New(t, zone+keyZone(t, domains...))
		conn := miltertest.NewRouterServer(t, router(t, mailauth.Config{Resolver: dns, SPF: c.cfg})).Dial(t)
		messages := make([]*mta.Message, len(domains))
		for i, domain := range domains {
			messages[i] = signed(t, letter(domain), domain)
		}
		for i := range 500 {
			res := conn.Run(t, messages[i%len(messages)])
			res.AssertAccepted(t)
			if i == 0 {
				assert.Equal(t, c.want, dns.Stats().Misses, name)
				assert.Contains(t, res.Header("Authentication-Results"), "dmarc=pass")
			}
		}
		cold := dns.Stats().Misses
		assert.LessOrEqual(t, cold, 50*3+c.want-3, name)
		for i := range 500 {
			conn.Run(t, messages[i%len(messages)]).AssertAccepted(t)
		}
		assert.LessOrEqual(t, dns.Stats().Misses-cold, uint64(100), name)
	}
}
