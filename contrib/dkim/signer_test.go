package dkim_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

const letter = "From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: hello\n  world\nDate: Wed, 4 Mar 2026 05:06:07 +0000\n\nHow  are you? \n\n"

// signer returns a filter that signs for all users of this host.
func signer(t testing.TB, s dkim.Signing) *dkim.Filter {
	t.Helper()
	f, err := dkim.NewSigner(dkim.Config{Signing: s})
	require.NoError(t, err)
	return f
}

func fromHere(text string, opts ...miltertest.MessageOption) *messageOf {
	return miltertest.Message(text, append([]miltertest.MessageOption{miltertest.Client("127.0.0.1")}, opts...)...)
}

// delivered returns a message as it arrived.
func delivered(t testing.TB, res *miltertest.Result) string {
	t.Helper()
	require.NotNil(t, res.Edited, "the message is not delivered: %s", res.Reply())
	var b strings.Builder
	for _, h := range res.Edited.Header {
		b.WriteString(h.Name + ":" + crlf(h.Value) + "\r\n")
	}
	return b.String() + "\r\n" + res.Body()
}

func TestSignature(t *testing.T) {
	t.Parallel()
	long := "From: ann@example.org\nSubject: " + strings.Repeat("long ", 300) + "\n\n" + strings.Repeat("x", 3000) + "\n"
	messages := map[string]string{
		"plain": letter, "long lines": long, "empty body": "From: ann@example.org\n\n",
		"white space":      "From: ann@example.org\nSubject:no space\nTo: \t x \n\n\n  \n a\t\tb \n \n\n",
		"8 bits":           "From: ann@example.org\nSubject: gr\xfc\xdfe \xff\n\n\xe4\xf6\xfc\n",
		"repeated fields":  "From: ann@example.org\nTo: a@x\nTo: b@x\nCc: c@x\nSubject: 1\nSubject: 2\n\nx\n",
		"folded by tabs":   "From: Ann\n\t<ann@example.org>\nReferences: <a@b>\n\t<c@d>\n \t <e@f>\n\nx\n",
		"below the domain": "From: ann@sub.example.org\n\nx\n",
	}
	keys := []dkim.Key{key(t, "example.org", "r", "rsa"), key(t, "example.org", "e", "ed25519")}
	z := publish(t, keys...)
	for name, text := range messages {
		for _, header := range []dkim.Canonicalization{dkim.Relaxed, dkim.Simple} {
			for _, body := range []dkim.Canonicalization{dkim.Relaxed, dkim.Simple} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					cfg := forExample(keys...)
					cfg.Header, cfg.Body, cfg.Lifetime = header, body, 24*time.Hour
					res := miltertest.Run(t, signer(t, cfg), fromHere(text))
					res.AssertAccepted(t)
					message := delivered(t, res)
					assert.Equal(t, []string{"example.org", "example.org"}, secondOpinion(t, z, message))
					results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: z}, strings.NewReader(message))
					require.NoError(t, err)
					assert.Equal(t, []string{"pass example.org", "pass example.org"}, describe(results), message)
					for line := range strings.SplitSeq(res.Header("DKIM-Signature"), "\n") {
						assert.LessOrEqual(t, len(line), 76, line)
					}
				})
			}
		}
	}
}

func TestSignatureTags(t *testing.T) {
	t.Parallel()
	base := func() dkim.Signing { return forExample(key(t, "example.org", "s1", "ed25519")) }
	tests := map[string]struct {
		change  func(*dkim.Signing)
		from    string
		want    []string
		without []string
	}{
		"defaults": {
			func(*dkim.Signing) {}, "ann@example.org",
			[]string{"v=1;", "a=ed25519-sha256;", "c=relaxed/relaxed;", "d=example.org;", "s=s1;", "t=1772600767;"},
			[]string{"x=", "i=", "l="},
		},
		"expiry": {func(s *dkim.Signing) { s.Lifetime = time.Hour }, "ann@example.org", []string{"x=1772604367;"}, nil},
		"no time": {
			func(s *dkim.Signing) { s.NoTime = true }, "ann@example.org", nil, []string{"t="},
		},
		"simple and relaxed": {
			func(s *dkim.Signing) { s.Header = dkim.Simple }, "ann@example.org", []string{"c=simple/relaxed;"}, nil,
		},
		"identity is the domain": {
			func(s *dkim.Signing) { s.Rules[0].Keys[0].AUID = dkim.AUIDDomain }, "ann@Sub.Example.org", []string{"i=@sub.example.org;"}, nil,
		},
		"identity is the address": {
			func(s *dkim.Signing) { s.Rules[0].Keys[0].AUID = dkim.AUIDAddress }, "Ann@sub.example.org", []string{"i=Ann@sub.example.org;"}, nil,
		},
		"an address that a tag cannot hold": {
			func(s *dkim.Signing) { s.Rules[0].Keys[0].AUID = dkim.AUIDAddress }, `"a;d=evil"@example.org`, []string{"i=@example.org;"}, []string{"evil"},
		},
		"the author's domain": {
			func(s *dkim.Signing) { s.Rules[0].Keys[0].Domain = "%" }, "ann@A.example.org", []string{"d=a.example.org;"}, nil,
		},
		"a list of headers": {
			func(s *dkim.Signing) { s.Headers, s.Oversign = []string{"Subject"}, []string{} }, "ann@example.org", []string{"h=From:Subject;"}, nil,
		},
		"oversigned": {
			func(s *dkim.Signing) { s.Headers, s.Oversign = []string{"Subject"}, []string{"From", "X-Mine"} },
			"ann@example.org",
			[]string{"h=From:From:Subject:X-Mine;"},
			nil,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := base()
			c.change(&s)
			f, err := dkim.NewSigner(dkim.Config{Signing: s, Now: clock})
			require.NoError(t, err)
			res := miltertest.Run(t, f, fromHere("From: "+c.from+"\nSubject: x\n\nx\n"))
			value := res.Header("DKIM-Signature")
			unfolded := strings.ReplaceAll(value, "\n\t", "")
			for _, want := range c.want {
				assert.Contains(t, unfolded, want)
			}
			for _, not := range c.without {
				assert.NotContains(t, strings.Split(unfolded, "bh=")[0], " "+not)
			}
		})
	}
}

// TestNeverSigned tests messages that Trust does not admit or whose author is
// unclear.
func TestNeverSigned(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s1", "ed25519")
	other := dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*"}, Keys: []dkim.Key{k}}}}
	away := miltertest.Client("192.0.2.1")
	here := miltertest.Client("127.0.0.1")
	tests := map[string]struct {
		signing dkim.Signing
		header  string
		client  miltertest.MessageOption
	}{
		"a stranger":                      {forExample(k), "From: ann@example.org\n", away},
		"a stranger who says localhost":   {forExample(k), "From: ann@example.org\nReceived: from localhost\n", away},
		"no rule":                         {forExample(k), "From: ann@example.net\n", here},
		"a domain that ends alike":        {forExample(k), "From: ann@notexample.org\n", here},
		"the domain above":                {forExample(k), "From: ann@org\n", here},
		"a rule for all, another domain":  {other, "From: ann@example.net\n", here},
		"two From fields":                 {forExample(k), "From: ann@example.org\nFrom: ann@example.org\n", here},
		"From with a space and another":   {forExample(k), "From: ann@example.org\nFROM : eve@example.net\n", here},
		"no From":                         {forExample(k), "Sender: ann@example.org\n", here},
		"an author of another domain too": {forExample(k), "From: ann@example.org, eve@example.net\n", here},
		"the name is an address":          {forExample(k), "From: \"ann@example.org\" <eve@example.net>\n", here},
		"no address":                      {forExample(k), "From: ann\n", here},
		"an address cut short":            {forExample(k), "From: Ann <ann@example\n", here},
		"two addresses in one":            {forExample(k), "From: ann@example.org <eve@example.net>\n", here},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, signer(t, c.signing), miltertest.Message(c.header+"Subject: x\n\nx\n", c.client))
			res.AssertAccepted(t)
			assert.Empty(t, res.HeaderValues("DKIM-Signature"))
		})
	}
}

func TestSignedFor(t *testing.T) {
	t.Parallel()
	text := "From: ann@example.org\n\nx\n"
	unknown := func(host, path string) *messageOf {
		m := miltertest.Message(text)
		m.Client = clientOf(host, path)
		return m
	}
	tests := map[string]struct {
		message *messageOf
		trust   dkim.Trust
		signed  bool
	}{
		"authenticated":               {miltertest.Message(text, miltertest.Auth("ann")), dkim.Trust{}, true},
		"authenticated, turned off":   {miltertest.Message(text, miltertest.Auth("ann")), dkim.Trust{NotAuthenticated: true}, false},
		"of the user's domain":        {miltertest.Message(text, miltertest.Auth("Bob@Example.org")), dkim.Trust{OwnDomain: true}, true},
		"of a user of another domain": {miltertest.Message(text, miltertest.Auth("eve@example.net")), dkim.Trust{OwnDomain: true}, false},
		"of a user below":             {miltertest.Message(text, miltertest.Auth("eve@a.example.org")), dkim.Trust{OwnDomain: true}, false},
		"of a user above":             {miltertest.Message(text, miltertest.Auth("eve@org")), dkim.Trust{OwnDomain: true}, true},
		"of a user of no domain":      {miltertest.Message(text, miltertest.Auth("ann")), dkim.Trust{OwnDomain: true}, true},
		"of any user":                 {miltertest.Message(text, miltertest.Auth("eve@example.net")), dkim.Trust{}, true},
		"one of two, of a user": {
			miltertest.Message("From: ann@example.org, bob@sub.example.org\n\nx\n", miltertest.Auth("bob@sub.example.org")), dkim.Trust{OwnDomain: true}, false,
		},
		"another domain, from a network": {
			miltertest.Message(text, miltertest.Auth("eve@example.net"), miltertest.Client("127.0.0.1")), dkim.Trust{OwnDomain: true}, true,
		},
		"this host":                    {miltertest.Message(text, miltertest.Client("127.0.0.5")), dkim.Trust{}, true},
		"this host, IPv6":              {miltertest.Message(text, miltertest.Client("::1")), dkim.Trust{}, true},
		"a network":                    {miltertest.Message(text, miltertest.Client("192.0.2.9")), dkim.Trust{Networks: prefixes("192.0.2.0/24")}, true},
		"a network, mapped":            {miltertest.Message(text, miltertest.Client("::ffff:192.0.2.9")), dkim.Trust{Networks: prefixes("192.0.2.0/24")}, true},
		"a network with an exception":  {miltertest.Message(text, miltertest.Client("192.0.2.9")), dkim.Trust{Networks: prefixes("192.0.2.0/24"), Except: prefixes("192.0.2.9/32")}, false},
		"a network in IPv6 form":       {miltertest.Message(text, miltertest.Client("192.0.2.9")), dkim.Trust{Networks: prefixes("::ffff:192.0.2.0/120")}, true},
		"an exception in IPv6 form":    {miltertest.Message(text, miltertest.Client("192.0.2.9")), dkim.Trust{Networks: prefixes("192.0.2.0/24"), Except: prefixes("::ffff:192.0.2.9/128")}, false},
		"no network":                   {miltertest.Message(text, miltertest.Client("127.0.0.1")), dkim.Trust{Networks: prefixes()}, false},
		"not this host any more":       {miltertest.Message(text, miltertest.Client("127.0.0.1")), dkim.Trust{Networks: prefixes("192.0.2.0/24")}, false},
		"a unix socket":                {unknown("localhost", "/run/mail.sock"), dkim.Trust{}, true},
		"a program of this host":       {unknown("localhost", ""), dkim.Trust{}, true},
		"an address nobody knows":      {unknown("unknown", ""), dkim.Trust{}, false},
		"the daemon's name":            {miltertest.Message(text, miltertest.Macro(framework.StageConnect, "daemon_name", "ORIGINATING")), dkim.Trust{Macros: map[string][]string{"{daemon_name}": {"ORIGINATING"}}}, true},
		"a macro of the sender":        {miltertest.Message(text, miltertest.Macro(framework.StageMail, "mail_mailer", "local")), dkim.Trust{Macros: map[string][]string{"mail_mailer": {"esmtp", "local"}}}, true},
		"another name of the daemon's": {miltertest.Message(text, miltertest.Macro(framework.StageConnect, "daemon_name", "MTA")), dkim.Trust{Macros: map[string][]string{"{daemon_name}": {"ORIGINATING"}}}, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := dkim.NewSigner(dkim.Config{Trust: c.trust, Signing: forExample(key(t, "example.org", "s", "ed25519"))})
			require.NoError(t, err)
			res := miltertest.Run(t, f, c.message)
			res.AssertAccepted(t)
			assert.Equal(t, c.signed, res.Header("DKIM-Signature") != "")
		})
	}
}

// TestSignsWhatIsDelivered mounts the signer after a filter that rewrites
// messages.
func TestSignsWhatIsDelivered(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s", "ed25519")
	cfg := forExample(k)
	cfg.Header, cfg.Body = dkim.Simple, dkim.Simple
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("rewrite", func(r *framework.Router) error {
		change, add, body := r.GrantChangeHeader(), r.GrantAddHeader(), r.GrantReplaceBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if err := change.Change(s, framework.NthHeader("Subject", 1), "changed"); err != nil {
				return framework.Continue, err
			}
			if err := add.Append(s, "Reply-To", "ann@example.org"); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, body.Replace(s, []byte("other text\n"))
		})
		return nil
	}))
	r.Mount(signer(t, cfg))
	message := delivered(t, miltertest.RunRouter(t, r, fromHere(letter)))
	require.Contains(t, message, "changed")
	require.Contains(t, message, "other text")
	assert.Equal(t, []string{"example.org"}, secondOpinion(t, publish(t, k), message))
}

func TestStateIsOfOneMessage(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s", "ed25519")
	srv := miltertest.NewServer(t, signer(t, forExample(k)))
	conn := srv.Dial(t)
	for range 3 {
		message := delivered(t, conn.Run(t, fromHere(letter)))
		assert.Len(t, secondOpinion(t, publish(t, k), message), 1)
		res := conn.Run(t, fromHere("From: eve@example.net\n\nx\n"))
		assert.Empty(t, res.Header("DKIM-Signature"))
	}
}

func TestPlanIsMinimal(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, signer(t, forExample(key(t, "example.org", "s", "ed25519"))))
	assert.Equal(t, []string{"SMFIF_ADDHDRS"}, srv.Plan().Actions.Names())
	assert.Subset(t, srv.Plan().Protocol.Names(), []string{
		"SMFIP_NOHELO", "SMFIP_NORCPT", "SMFIP_NODATA", "SMFIP_NOUNKNOWN", "SMFIP_HDR_LEADSPC",
		"SMFIP_NR_CONN", "SMFIP_NR_MAIL", "SMFIP_NR_HDR", "SMFIP_NR_EOH", "SMFIP_NR_BODY",
	})
}

// TestLargeBody signs 50 MiB in bounded memory. It counts what is live, so that the pace
// of the garbage collector does not matter.
func TestLargeBody(t *testing.T) { //nolint:paralleltest // it measures memory
	k := key(t, "example.org", "s", "rsa")
	line := bytes.Repeat([]byte("All work and no play makes Jack a dull boy.\r\n"), 1400)
	n := 50 << 20 / len(line)
	conn := miltertest.NewServer(t, signer(t, forExample(k)), quiet()).Dial(t)
	assert.Less(t, sendBody(t, conn.Conn, line, n), int64(4<<20), "bytes of heap beyond what was there")
}
