package mailauth_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// A message with as many signatures and sets as a sender likes is checked in bounds, and its log
// line and its field are bounded.
func TestManySignaturesAndSets(t *testing.T) {
	t.Parallel()
	var domains []string
	for i := range 50 {
		domains = append(domains, fmt.Sprintf("d%d.%s.example", i, strings.Repeat("x", 40)))
	}
	msg := signed(t, letter("bad.example"), domains...)
	msg = sealedOften(t, msg, 50)
	var o seen
	dns := resolvertest.New(t, world+keyZone(t, append(domains, "sealer.example")...))
	r := router(t, mailauth.Config{Resolver: dns, Observe: o.observe, DMARC: dmarc.Config{TrustedSealers: []string{"sealer.example"}}})
	res := miltertest.RunRouter(t, r, msg)
	res.AssertAccepted(t)
	sum := o.last(t)
	assert.Len(t, sum.DKIM, 10)
	assert.Equal(t, arc.Pass, sum.ARC.Status)
	assert.Len(t, sum.ARC.Sets, 50)
	assert.Equal(t, dmarc.StatusFail, sum.DMARC.Status)
	assert.Nil(t, sum.DMARC.Override)
	assert.LessOrEqual(t, dns.Stats().Misses, uint64(80))
	line, ok := res.Logs.Find("authenticated")
	require.True(t, ok)
	for _, key := range []string{"spf", "dkim", "arc", "dmarc"} {
		value, _ := miltertest.LogAttr(line, key)
		assert.LessOrEqual(t, len(value.String()), 600, key)
	}
	dkimText, _ := miltertest.LogAttr(line, "dkim")
	assert.Contains(t, dkimText.String(), ", and 5 more")
	require.Len(t, res.HeaderValues("Authentication-Results"), 1)
	for l := range strings.SplitSeq(res.Header("Authentication-Results"), "\n") {
		assert.LessOrEqual(t, len(l), 998)
	}
}

// sealedOften returns a message that sealer.example has sealed n times. It does not verify the
// chain each time, which would take long.
func sealedOften(t *testing.T, msg *mta.Message, n int) *mta.Message {
	t.Helper()
	out := *msg
	out.Received = nil
	cfg := arc.SealerConfig{Domain: "sealer.example", Selector: "s", Signer: key(), AuthservID: "sealer.example", Now: longAgo}
	for i := range n {
		r := arc.Result{Status: arc.Pass, Instances: i}
		if i == 0 {
			r.Status = arc.None
		}
		fields, err := arc.Seal(cfg, r, bytes.NewReader(out.Bytes()))
		require.NoError(t, err)
		var above []mta.Field
		for _, f := range fields {
			name, value, _ := strings.Cut(strings.TrimSuffix(f, "\r\n"), ":")
			above = append(above, mta.Field{Name: name, Value: strings.ReplaceAll(value, "\r\n", "\n")})
		}
		out.Header = append(above, out.Header...)
	}
	return &out
}

// What a sender writes does not break the line or the field.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for name, msg := range map[string]*mta.Message{
		"a long From":       letter("good.example", miltertest.From("ann@"+strings.Repeat("a.", 500)+"example")),
		"control in From":   miltertest.Message("From: \"\x1b[31m \" <ann@bad.example\x1b>\n\nx\n", miltertest.From("ann@bad.example")),
		"HELO with quotes":  letter("good.example", miltertest.Helo(`a"; dmarc=pass (`)),
		"no From":           miltertest.Message("Subject: x\n\nx\n", miltertest.From("ann@good.example")),
		"two From":          miltertest.Message("From: ann@good.example\nFrom: ann@bad.example\n\nx\n", miltertest.From("ann@good.example")),
		"no header":         miltertest.Message("\nx\n", miltertest.From("ann@good.example")),
		"a field in a name": letter("good.example", miltertest.From("\"; dmarc=pass header.from=x\"@good.example")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o seen
			res := miltertest.RunRouter(t, router(t, mailauth.Config{Observe: o.observe}), msg)
			res.AssertAccepted(t)
			line, ok := res.Logs.Find("authenticated")
			require.True(t, ok)
			for _, key := range []string{"spf", "dkim", "arc", "dmarc"} {
				value, _ := miltertest.LogAttr(line, key)
				assert.NotContains(t, value.String(), "\x1b")
				assert.LessOrEqual(t, len(value.String()), 600)
			}
			require.Len(t, res.HeaderValues("Authentication-Results"), 1)
			field := o.last(t).AuthRes()
			var methods []string
			for i := range field.Results {
				methods = append(methods, field.Results[i].Method)
			}
			assert.Subset(t, []string{"spf", "dkim", "arc", "dmarc"}, methods)
			assert.Equal(t, "dmarc", methods[len(methods)-1])
			if strings.HasSuffix(name, " From") && name != "a long From" {
				assert.NotEqual(t, dmarc.StatusPass, o.last(t).DMARC.Status)
				assert.NotEqual(t, dmarc.StatusNone, o.last(t).DMARC.Status)
			}
		})
	}
}

// A forwarded message with a trusted seal is accepted although it fails, and the sealer of this
// host seals the results last of all.
func TestSealedMailingList(t *testing.T) {
	t.Parallel()
	msg := sealed(t, letter("bad.example"), "list.example", "dmarc=pass header.from=bad.example")
	var o seen
	cfg := mailauth.Config{
		Resolver: resolvertest.New(t, world+keyZone(t, "list.example")), AuthservID: id, Observe: o.observe,
		DMARC:  dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject}, TrustedSealers: []string{"list.example"}},
		Sealer: &arc.SealerConfig{Domain: id, Selector: "s", Signer: key(), Now: longAgo},
	}
	a, err := mailauth.New(cfg)
	require.NoError(t, err)
	r := framework.NewRouter()
	a.Mount(r)
	a.MountSealer(r)
	res := miltertest.RunRouter(t, r, msg)
	res.AssertAccepted(t)
	assert.Equal(t, dmarc.LocalPolicy, o.last(t).DMARC.Override.Type)
	assert.Len(t, res.HeaderValues("ARC-Seal"), 2)
	said := res.Header("ARC-Authentication-Results")
	for _, method := range []string{"spf=fail", "dkim=none", "arc=pass", "dmarc=fail"} {
		assert.Contains(t, said, method)
	}
	line, _ := res.Logs.Find("authenticated")
	text, _ := miltertest.LogAttr(line, "dmarc")
	assert.Contains(t, text.String(), "override=local_policy (arc=pass as[1].d=list.example as[1].s=s, which saw dmarc=pass)")
	text, _ = miltertest.LogAttr(line, "arc")
	assert.Equal(t, "pass i=1 d=list.example", text.String())
}

// A message that a filter in front refuses at its end has a line too, without results that are
// not known. One that ends before has none.
func TestRefusedByOthers(t *testing.T) {
	t.Parallel()
	for stage, want := range map[framework.Stage]bool{framework.StageEndOfMessage: true, framework.StageRcpt: false} {
		var o seen
		r := framework.NewRouter()
		r.Mount(framework.AsFilter("other", func(_ *framework.Route, _ framework.Handler) framework.Handler {
			return func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Reject, nil }
		}, stage))
		a, err := mailauth.New(mailauth.Config{Resolver: resolvertest.New(t, world), AuthservID: id, Observe: o.observe})
		require.NoError(t, err)
		a.Mount(r)
		res := miltertest.RunRouter(t, r, letter("good.example"))
		res.AssertRejected(t)
		_, ok := res.Logs.Find("authenticated")
		assert.Equal(t, want, ok)
		assert.Len(t, o.list, map[bool]int{true: 1}[want])
		if want {
			assert.Equal(t, "other", o.last(t).By)
			assert.Nil(t, o.last(t).DMARC)
		}
	}
}
