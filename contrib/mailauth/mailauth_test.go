package mailauth_test

import (
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

const id = "mx.example.net"

// world is the DNS of most tests. The client of the test kit is client.example.org at 192.0.2.1.
const world = `
	client.example.org.  TXT "v=spf1 a -all"
	client.example.org.  A   192.0.2.1
	good.example.        TXT "v=spf1 ip4:192.0.2.0/24 -all"
	_dmarc.good.example. TXT "v=DMARC1; p=reject"
	bad.example.         TXT "v=spf1 -all"
	_dmarc.bad.example.  TXT "v=DMARC1; p=reject"
	quarantine.example.  TXT "v=spf1 -all"
	_dmarc.quarantine.example. TXT "v=DMARC1; p=quarantine"
`

// seen keeps what Observe is told.
type seen struct {
	mu   sync.Mutex
	list []*mailauth.Summary
}

func (o *seen) observe(s *mailauth.Summary) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, s)
}

func (o *seen) last(t *testing.T) *mailauth.Summary {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	require.NotEmpty(t, o.list)
	return o.list[len(o.list)-1]
}

// router returns a router with an Authenticator.
func router(t testing.TB, cfg mailauth.Config) *framework.Router {
	t.Helper()
	if cfg.Resolver == nil {
		cfg.Resolver = resolvertest.New(t, world)
	}
	cfg.AuthservID = id
	a, err := mailauth.New(cfg)
	require.NoError(t, err)
	r := framework.NewRouter()
	a.Mount(r)
	return r
}

// letter is a message of a domain, in the envelope and in the From field.
func letter(domain string, opts ...miltertest.MessageOption) *mta.Message {
	return miltertest.Message("From: Ann <ann@"+domain+">\nSubject: hello\n\nHow are you?\n",
		append([]miltertest.MessageOption{miltertest.From("ann@" + domain), miltertest.Helo("client.example.org")}, opts...)...)
}

// All results are in one field, in the order of the methods, and fields that the sender has
// forged are gone. One line at Info tells all.
func TestOneFieldAndOneLine(t *testing.T) {
	t.Parallel()
	var o seen
	r := router(t, mailauth.Config{Observe: o.observe})
	msg := letter("good.example")
	msg.Header = append([]mta.Field{{Name: "Authentication-Results", Value: " MX.example.net; dmarc=pass header.from=bank.example"}}, msg.Header...)
	res := miltertest.RunRouter(t, r, msg)
	res.AssertAccepted(t)
	assert.Equal(t, []string{id + ";\n\tspf=pass smtp.mailfrom=ann@good.example;\n\tspf=pass smtp.helo=client.example.org;\n\tdkim=none;\n\tarc=none;\n\t" +
		"dmarc=pass header.from=good.example policy.dmarc=reject"}, res.HeaderValues("Authentication-Results"))
	var lines []string
	for _, rec := range res.Logs {
		if rec.Level >= slog.LevelInfo {
			lines = append(lines, rec.Message)
		}
	}
	assert.Equal(t, []string{"authenticated"}, lines)
	line, _ := res.Logs.Find("authenticated")
	for key, want := range map[string]string{
		"filter": "mailauth", "action": "accept", "dkim": "none", "queue_id": msg.QueueID,
		"spf":   "pass mailfrom=good.example, pass helo=client.example.org",
		"dmarc": "pass from=good.example p=reject at good.example (SPF has the result pass for good.example, the author domain)",
	} {
		got, _ := miltertest.LogAttr(line, key)
		if key == "queue_id" {
			assert.NotEmpty(t, got.String())
			continue
		}
		assert.Equal(t, want, got.String(), key)
	}
	sum := o.last(t)
	field := sum.AuthRes()
	assert.Equal(t, id, field.ID)
	assert.Len(t, field.Results, 5)
	assert.Equal(t, mailauth.Accept, sum.Action)
	assert.Equal(t, map[string]string{"spf": "pass", "helo": "pass", "dkim": "none", "arc": "none", "dmarc": "pass"}, counts(sum))
}

func counts(s *mailauth.Summary) map[string]string {
	return maps.Collect(s.Counts())
}

// The summary says what was done with a message, by which filter, and the line comes when an
// earlier filter has refused it, too.
func TestActions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cfg    mailauth.Config
		domain string
		action mailauth.Action
		by     string
		reply  string
		dmarc  bool
	}{
		"accept": {mailauth.Config{}, "bad.example", mailauth.Accept, "", "", true},
		"spf rejects": {
			mailauth.Config{SPF: spf.Config{MailFrom: spf.Policy{Fail: spf.Reject}}},
			"bad.example",
			mailauth.Reject, "spf", "550 5.7.23 SPF check of MAIL FROM: fail, 192.0.2.1 may not send mail for bad.example", false,
		},
		"dmarc defers": {
			mailauth.Config{DMARC: dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.TempFail}}},
			"bad.example",
			mailauth.TempFail, "dmarc", "451", true,
		},
		"dmarc holds": {
			mailauth.Config{DMARC: dmarc.Config{Actions: dmarc.Actions{Quarantine: dmarc.Hold}}},
			"quarantine.example",
			mailauth.Hold, "dmarc", "", true,
		},
		"dmarc marks": {
			mailauth.Config{DMARC: dmarc.Config{Actions: dmarc.Actions{Quarantine: dmarc.AddField}}},
			"quarantine.example",
			mailauth.AddField, "dmarc", "", true,
		},
		"dry run": {
			mailauth.Config{DMARC: dmarc.Config{DryRun: true, Actions: dmarc.Actions{Reject: dmarc.Reject}}},
			"bad.example",
			mailauth.Accept, "", "", true,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o seen
			c.cfg.Observe = o.observe
			res := miltertest.RunRouter(t, router(t, c.cfg), letter(c.domain))
			sum := o.last(t)
			assert.Equal(t, c.action, sum.Action)
			assert.Equal(t, c.by, sum.By)
			assert.True(t, strings.HasPrefix(res.Reply(), c.reply), res.Reply())
			assert.Equal(t, c.reply == "", sum.Reply == "")
			assert.Equal(t, c.dmarc, sum.DMARC != nil)
			line, ok := res.Logs.Find("authenticated")
			require.True(t, ok)
			got, _ := miltertest.LogAttr(line, "action")
			assert.Equal(t, string(c.action), got.String())
			assert.Len(t, o.list, 1)
		})
	}
}

// All mistakes are reported together, each with its section.
func TestMistakesNameTheSection(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, world)
	_, err := mailauth.New(mailauth.Config{
		Resolver: dns, AuthservID: "a*b", SPF: spf.Config{Networks: []netip.Prefix{{}}},
		DKIM: dkim.Config{Verifying: dkim.Verifying{MinBits: 5}}, DMARC: dmarc.Config{Timeout: -time.Second},
	})
	for _, want := range []string{
		"mailauth: configuration: ", "SPF: spf: configuration: ", "Networks: a network is not valid",
		"DKIM: dkim: configuration: ", "minimum size of RSA keys", "DMARC: dmarc: configuration: ", "the timeout is negative", `"a*b" is not a name`,
	} {
		assert.ErrorContains(t, err, want)
	}
	for name, c := range map[string]struct {
		cfg  mailauth.Config
		want string
	}{
		"no resolver":      {mailauth.Config{}, "no resolver"},
		"negative":         {mailauth.Config{Resolver: dns, Timeout: -1}, "the timeout is negative"},
		"dmarc alone":      {mailauth.Config{Resolver: dns, NoSPF: true, NoDKIM: true}, "DMARC needs SPF or DKIM"},
		"another field":    {mailauth.Config{Resolver: dns, AuthservID: id, ARC: arc.VerifierConfig{AuthservID: "other.example"}}, "ARC: AuthservID, AlsoRemove or"},
		"nothing to check": {mailauth.Config{Resolver: dns, NoSPF: true, NoDKIM: true, NoARC: true, NoDMARC: true}, "all methods are turned off"},
	} {
		_, err := mailauth.New(c.cfg)
		assert.ErrorContains(t, err, c.want, name)
	}
}

// A method that is turned off has no result.
func TestTurnedOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  mailauth.Config
		want map[string]string
	}{
		"no SPF":   {mailauth.Config{NoSPF: true}, map[string]string{"dkim": "none", "arc": "none", "dmarc": "fail"}},
		"no DKIM":  {mailauth.Config{NoDKIM: true}, map[string]string{"spf": "pass", "helo": "pass", "arc": "none", "dmarc": "pass"}},
		"no DMARC": {mailauth.Config{NoDMARC: true}, map[string]string{"spf": "pass", "helo": "pass", "dkim": "none", "arc": "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o seen
			c.cfg.Observe = o.observe
			miltertest.RunRouter(t, router(t, c.cfg), letter("good.example")).AssertAccepted(t)
			assert.Equal(t, c.want, counts(o.last(t)))
		})
	}
}
