package resolver_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

func TestRecords(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		zone []string
		name string
		kind resolver.Type
		want resolver.Answer
	}{
		"text": {
			[]string{`a.test. 60 TXT "v=DKIM1; " "p=abc"`, `a.test. 60 TXT "other"`},
			"a.test", resolver.TypeTXT,
			resolver.Answer{Name: "a.test", TXT: []string{"v=DKIM1; p=abc", "other"}},
		},
		"text with any bytes": {
			[]string{`a.test. 60 TXT "a\"b\\c\000\255\1" "\009" "" "ü"`},
			"a.test", resolver.TypeTXT,
			resolver.Answer{Name: "a.test", TXT: []string{"a\"b\\c\x00\xff1\tü"}},
		},
		"text that ends with a backslash": {[]string{`a.test. 60 TXT "\\" "123"`}, "a.test", resolver.TypeTXT, resolver.Answer{Name: "a.test", TXT: []string{`\123`}}},
		"an empty text":                   {[]string{`a.test. 60 TXT ""`}, "a.test", resolver.TypeTXT, resolver.Answer{Name: "a.test", TXT: []string{""}}},
		"in capitals":                     {[]string{`A.Test. 60 TXT "x"`}, "a.TEST.", resolver.TypeTXT, resolver.Answer{Name: "a.test", TXT: []string{"x"}}},
		"underscores": {
			[]string{`s._domainkey.a_b.test. 60 TXT "x"`},
			"s._domainkey.a_b.test", resolver.TypeTXT,
			resolver.Answer{Name: "s._domainkey.a_b.test", TXT: []string{"x"}},
		},
		"characters of local parts": {
			[]string{`a\@b+c\"d\ e\(\;.test. 60 TXT "x"`},
			`a@b+c"d e(;.test`, resolver.TypeTXT,
			resolver.Answer{Name: `a\@b+c\"d\ e\(\;.test`, TXT: []string{"x"}},
		},
		"addresses": {
			[]string{"a.test. 60 A 192.0.2.1", "a.test. 60 A 192.0.2.2"},
			"a.test", resolver.TypeA,
			resolver.Answer{Name: "a.test", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}},
		},
		"addresses, IPv6": {
			[]string{"a.test. 60 AAAA 2001:db8::1"},
			"a.test", resolver.TypeAAAA,
			resolver.Answer{Name: "a.test", Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::1")}},
		},
		"exchangers": {
			[]string{"a.test. 60 MX 20 Mx2.Test.", "a.test. 60 MX 10 mx1.test.", `a.test. 60 MX 10 a\.b.test.`},
			"a.test", resolver.TypeMX,
			resolver.Answer{Name: "a.test", MX: []resolver.MX{{Host: "mx2.test", Preference: 20}, {Host: "mx1.test", Preference: 10}}},
		},
		"no mail": {[]string{"a.test. 60 MX 0 ."}, "a.test", resolver.TypeMX, resolver.Answer{Name: "a.test", MX: []resolver.MX{{}}}},
		"names":   {[]string{"1.2.0.192.in-addr.arpa. 60 PTR Mail.Test."}, "1.2.0.192.in-addr.arpa", resolver.TypePTR, resolver.Answer{Name: "1.2.0.192.in-addr.arpa", Names: []string{"mail.test"}}},
		"aliases, in any order": {
			[]string{`c.test. 60 TXT "x"`, "b.test. 60 CNAME C.test.", "A.test. 60 CNAME b.test."},
			"a.test", resolver.TypeTXT,
			resolver.Answer{Name: "c.test", TXT: []string{"x"}},
		},
		"other records": {
			[]string{`a.test. 60 TXT "x"`, "a.test. 60 A 192.0.2.1", `b.test. 60 TXT "y"`, `a.test. 60 CH TXT "z"`},
			"a.test", resolver.TypeTXT,
			resolver.Answer{Name: "a.test", TXT: []string{"x"}},
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for way, handler := range map[string]dns.HandlerFunc{"UDP": zone(t, c.zone...), "TCP": truncating(zone(t, c.zone...))} {
				got, err := asking(t, serve(t, handler).address).Lookup(t.Context(), c.name, c.kind)
				require.NoError(t, err, way)
				assert.Equal(t, c.want.Name, got.Name, way)
				assert.Equal(t, c.want.TXT, got.TXT, way)
				assert.Equal(t, c.want.Addrs, got.Addrs, way)
				assert.Equal(t, c.want.MX, got.MX, way)
				assert.Equal(t, c.want.Names, got.Names, way)
			}
		})
	}
}

// TestNothing tests that a name that does not exist differs from a name without
// records of the type, and both from a failure, over UDP and over TCP.
func TestNothing(t *testing.T) {
	t.Parallel()
	const soa = "test. 60 SOA ns.test. root.test. 1 2 3 4 60"
	with := func(rcode int, answer, ns []string) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := reply(q)
			m.Rcode, m.Answer, m.Ns = rcode, records(t, answer...), records(t, ns...)
			_ = w.WriteMsg(m)
		}
	}
	alias := []string{"a.test. 60 CNAME b.test."}
	tests := map[string]struct {
		handler dns.HandlerFunc
		kind    error
	}{
		"no such name":                     {with(dns.RcodeNameError, nil, []string{soa}), resolver.ErrNXDomain},
		"no such name, without a SOA":      {with(dns.RcodeNameError, nil, nil), resolver.ErrNXDomain},
		"no such name behind an alias":     {with(dns.RcodeNameError, alias, []string{soa}), resolver.ErrNXDomain},
		"no records":                       {with(dns.RcodeSuccess, nil, []string{soa}), resolver.ErrNoData},
		"no records, without a SOA":        {with(dns.RcodeSuccess, nil, nil), resolver.ErrNoData},
		"no records behind an alias":       {with(dns.RcodeSuccess, alias, []string{soa}), resolver.ErrNoData},
		"records of another type":          {with(dns.RcodeSuccess, []string{"a.test. 60 A 192.0.2.1"}, nil), resolver.ErrNoData},
		"records of another name":          {with(dns.RcodeSuccess, []string{`b.test. 60 TXT "x"`}, nil), resolver.ErrNoData},
		"an alias of another name":         {with(dns.RcodeSuccess, []string{`c.test. 60 CNAME b.test.`, `b.test. 60 TXT "x"`}, nil), resolver.ErrNoData},
		"server failure":                   {code(dns.RcodeServerFailure), resolver.ErrServer},
		"refused":                          {code(dns.RcodeRefused), resolver.ErrServer},
		"an unknown code":                  {code(14), resolver.ErrServer},
		"an alias of itself":               {with(dns.RcodeSuccess, []string{"a.test. 60 CNAME a.test."}, nil), resolver.ErrServer},
		"aliases in a ring":                {with(dns.RcodeSuccess, []string{"a.test. 60 CNAME b.test.", "b.test. 60 CNAME A.test."}, nil), resolver.ErrServer},
		"nothing, and it does not recurse": {raw(t, reply, func(p []byte) []byte { p[3] &^= 0x80; return p }), resolver.ErrServer},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for tcp, handler := range map[int32]dns.HandlerFunc{0: c.handler, 1: truncating(c.handler)} {
				s := serve(t, handler)
				r := asking(t, s.address)
				for range 2 {
					_, err := r.LookupTXT(t.Context(), "a.test")
					require.ErrorIs(t, err, c.kind)
					for _, other := range []error{resolver.ErrNXDomain, resolver.ErrNoData, resolver.ErrServer} {
						assert.Equal(t, other == c.kind, errors.Is(err, other)) //nolint:errorlint // the kinds themselves are compared
					}
					var dnsError *net.DNSError
					require.ErrorAs(t, err, &dnsError)
					assert.Equal(t, "a.test", dnsError.Name)
					assert.Equal(t, c.kind != resolver.ErrServer, dnsError.IsNotFound)  //nolint:errorlint // the kinds themselves are compared
					assert.Equal(t, c.kind == resolver.ErrServer, dnsError.IsTemporary) //nolint:errorlint // the kinds themselves are compared
					assert.False(t, dnsError.IsTimeout)
					assert.ErrorContains(t, err, "resolver: a.test TXT: "+c.kind.Error())
				}
				assert.Equal(t, int32(1), s.udp.Load(), "the second answer is cached")
				assert.Equal(t, tcp, s.tcp.Load())
			}
		})
	}
}
