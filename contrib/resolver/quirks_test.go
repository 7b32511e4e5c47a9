package resolver_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// TestQuirks tests servers that do not know EDNS, or that answer with more bytes than
// the query allows. A lookup gets the answer in another way.
func TestQuirks(t *testing.T) {
	t.Parallel()
	const text = "a.test. 60 TXT "
	right := zone(t, text+"right")
	large := func(n int) dns.HandlerFunc { // n bytes and a few
		return zone(t, text+strings.Repeat(`"`+strings.Repeat("x", 255)+`" `, n/256))
	}
	withoutEDNS := func(rcode int) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			if q.IsEdns0() == nil {
				right(w, q)
				return
			}
			m := reply(q)
			if rcode > 15 {
				m.SetEdns0(1232, false)
			}
			m.Rcode = rcode
			_ = w.WriteMsg(m)
		}
	}
	badVersion := func(w dns.ResponseWriter, q *dns.Msg) {
		m := reply(q)
		m.SetEdns0(1232, false)
		m.Rcode = dns.RcodeBadVers
		_ = w.WriteMsg(m)
	}
	tests := map[string]struct {
		handler  dns.HandlerFunc
		length   int    // of the text, or
		says     string // of the error
		udp, tcp int32
	}{
		"FORMERR to EDNS":               {withoutEDNS(dns.RcodeFormatError), 5, "", 2, 0},
		"NOTIMP to EDNS":                {withoutEDNS(dns.RcodeNotImplemented), 5, "", 2, 0},
		"BADVERS to EDNS":               {withoutEDNS(dns.RcodeBadVers), 5, "", 2, 0},
		"FORMERR always":                {code(dns.RcodeFormatError), 0, "no usable answer: ADDRESS: the server answers FORMERR", 2, 0},
		"BADVERS always":                {badVersion, 0, "no usable answer: ADDRESS: the server answers BADVERS", 2, 0},
		"NOTIMP always":                 {code(dns.RcodeNotImplemented), 0, "the server answers NOTIMP", 2, 0},
		"SERVFAIL is not about EDNS":    {code(dns.RcodeServerFailure), 0, "the server answers SERVFAIL", 1, 0},
		"below 4,096 bytes over UDP":    {large(15 * 256), 15 * 255, "", 1, 0},
		"more than 4,096 bytes":         {large(16 * 256), 16 * 255, "", 1, 1},
		"many more than 4,096 bytes":    {large(100 * 256), 100 * 255, "", 1, 1},
		"truncated, FORMERR over TCP":   {truncating(code(dns.RcodeFormatError)), 0, "the server answers FORMERR", 2, 2},
		"truncated, without EDNS":       {truncating(withoutEDNS(dns.RcodeFormatError)), 5, "", 2, 2},
		"truncated, and a large answer": {truncating(large(100 * 256)), 100 * 255, "", 1, 1},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.handler)
			texts, err := asking(t, s.address).LookupTXT(t.Context(), "a.test")
			assert.Equal(t, c.udp, s.udp.Load())
			assert.Equal(t, c.tcp, s.tcp.Load())
			if c.says != "" {
				require.ErrorIs(t, err, resolver.ErrServer)
				assert.ErrorContains(t, err, strings.Replace(c.says, "ADDRESS", s.address, 1))
				return
			}
			require.NoError(t, err)
			require.Len(t, texts, 1)
			assert.Len(t, texts[0], c.length)
		})
	}
}
