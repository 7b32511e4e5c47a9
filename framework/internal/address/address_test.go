package address_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/address"
)

func TestProblem(t *testing.T) {
	t.Parallel()
	const (
		quotes  = "contains a character that an address has in quotes only"
		domain  = "has no valid domain behind the @"
		local   = "has no local part"
		bracket = "has one angle bracket"
	)
	for addr, want := range map[string]string{
		"ann@example.org":                        "",
		"<ann@example.org>":                      "",
		"ann+tag=x/y@sub.example.org":            "",
		"ANN@EXAMPLE.ORG":                        "",
		".ann..smith.@example.org":               "", // given out by some providers
		"!#$%&'*+-/=?^_`{|}~@example.org":        "",
		`"ann smith"@example.org`:                "",
		`"a\"@\\b"@example.org`:                  "",
		`""@example.org`:                         "",
		`<"<a>"@example.org>`:                    "",
		"grün@exämple.org":                       "",
		"用户@例子.广告":                               "",
		"ann@[192.0.2.1]":                        "",
		"ann@[IPv6:2001:db8::1]":                 "",
		"ann@[ipv6:2001:db8::1]":                 "",
		"ann@mail_1.example.org":                 "",
		"ann@host":                               "",
		"ann@xn--exmple-cua.org":                 "",
		"postmaster":                             "",
		"<Postmaster>":                           "",
		"root":                                   "",
		`"ann smith"`:                            "",
		"ann@" + strings.Repeat("a.", 127) + "b": "",
		"@relay.example.org:ann@x":               "",
		"<@a.example,@b.example:ann@x>":          "",
		"ann@example.org.":                       "",
		"ann:smith@example.org":                  "", // on Postfix and Sendmail
		"ann[smith@example.org":                  "", // on Sendmail

		"not an address":                         quotes,
		"ann smith@example.org":                  quotes,
		"Ann <ann@example.org>":                  bracket,
		"<ann@example.org":                       bracket,
		"ann@example.org>":                       bracket,
		"ann@example.org, bob@x":                 domain,
		"ann@example.org bob@example.org":        domain,
		"a@b@example.org":                        domain,
		"ann(comment)@example.org":               quotes,
		`ann"x"@example.org`:                     quotes,
		`"ann"x@example.org`:                     quotes,
		`"ann`:                                   local,
		`"ann\"`:                                 local,
		"\"a\tb\"@example.org":                   quotes,
		"a\x7fb@example.org":                     quotes,
		"@example.org":                           local,
		"@relay.example.org:":                    local,
		"@relay.example.org:not an address":      quotes,
		"ann@example.org..":                      domain,
		"ann@.":                                  domain,
		"friends: ann@x, bob@x;":                 quotes,
		"ann;bob@x":                              quotes,
		"ann,bob@x":                              quotes,
		"":                                       local,
		"<>":                                     local,
		"ann@":                                   domain,
		"ann@.org":                               domain,
		"ann@example..org":                       domain,
		"ann@exam ple.org":                       domain,
		"ann@example.org/x":                      domain,
		"ann@[192.0.2.1":                         domain,
		"ann@[192.0.2.256]":                      domain,
		"ann@[2001:db8::1]":                      domain,
		"ann@[x400:C=US]":                        domain,
		"ann@[::1]":                              domain,
		"ann@[IPv6:192.0.2.1]":                   domain,
		"ann@[IPv6:fe80::1%eth0]":                domain,
		"ann@[x:]":                               domain,
		"ann@[x:a b]":                            domain,
		"ann@[]":                                 domain,
		"gr\xfcn@example.org":                    "is not UTF-8",
		"ann@" + strings.Repeat("a.", 128) + "b": domain,
	} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, address.Problem(addr))
		})
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	same := [][]string{
		{"ann@example.org", "<ann@example.org>", "ann@EXAMPLE.org", `"ann"@example.org`, `"a\nn"@example.org`, "<@a,@b:ann@example.org>"},
		{"Ann@example.org"},
		{"ann@example.net"},
		{"ann"},
		{`"a@b"@x`, `<"a\@b"@X>`},
		{`"a@X"`},
		{`"`},
		{"", "<>"},
		{"größe@EXÄMPLE.org", "größe@eXÄmple.org"},
	}
	keys := map[string]int{}
	for i, list := range same {
		key := address.Key(list[0])
		for _, addr := range list {
			assert.Equal(t, key, address.Key(addr), addr)
		}
		assert.NotContains(t, keys, key, "%q and %v", list, same[keys[key]])
		keys[key] = i
	}
}

// FuzzAddress checks that an address without a problem has one mailbox, in
// brackets or not.
func FuzzAddress(f *testing.F) {
	for _, addr := range []string{"ann@example.org", `<"a\"b"@[IPv6:::1]>`, "<@a:b@c>", "not an address", `"`, "[", "a@[x:"} {
		f.Add(addr)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		key := address.Key(addr)
		bare := address.Bare(addr)
		if address.Problem(addr) != "" || bare == "" {
			return
		}
		assert.Empty(t, address.Problem("<"+bare+">"))
		assert.Equal(t, key, address.Key("<"+bare+">"))
		assert.NotContains(t, addr, "\n")
		assert.NotContains(t, addr, "\x00")
	})
}
