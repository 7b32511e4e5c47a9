package resolver_test

import (
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// TestLies tests answers that break the rules. Each lookup ends without a wrong
// answer. It waits to the end of its time only for an answer that may still come.
func TestLies(t *testing.T) {
	t.Parallel()
	right := func(q *dns.Msg) *dns.Msg {
		m := reply(q)
		m.Answer = records(t, `a.test. 60 TXT "right"`)
		return m
	}
	const ok = "right"
	flip := func(i int) func([]byte) []byte { return func(p []byte) []byte { p[i] ^= 0x01; return p } }
	twice := func(change func([]byte) []byte) dns.HandlerFunc { // a wrong answer, and then the right one
		return func(w dns.ResponseWriter, q *dns.Msg) {
			raw(t, right, change)(w, q)
			_ = w.WriteMsg(right(q))
		}
	}
	many := func(n int, line string) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := reply(q)
			for range n {
				m.Answer = append(m.Answer, records(t, line)...)
			}
			_ = w.WriteMsg(m)
		}
	}
	text := func(n int) string { return `a.test. 60 TXT ` + strings.Repeat(`"`+strings.Repeat("x", 255)+`" `, n) }
	tests := map[string]struct {
		handler dns.HandlerFunc
		want    string // or
		kind    error
		waits   bool // to the end of the time
	}{
		"right":                                 {handler: raw(t, right, func(p []byte) []byte { return p }), want: ok},
		"another ID":                            {handler: raw(t, right, flip(0)), kind: resolver.ErrServer, waits: true},
		"another ID first":                      {handler: twice(flip(1)), want: ok},
		"another name":                          {handler: raw(t, right, flip(13)), kind: resolver.ErrServer, waits: true},
		"another name first":                    {handler: twice(flip(13)), want: ok},
		"another type first":                    {handler: twice(flip(12 + 8 + 1)), want: ok},
		"another class first":                   {handler: twice(flip(12 + 8 + 3)), want: ok},
		"no response":                           {handler: twice(func(p []byte) []byte { p[2] &^= 0x80; return p }), want: ok},
		"two questions":                         {handler: twice(flip(5)), want: ok},
		"garbage first":                         {handler: twice(func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }), want: ok},
		"an empty packet first":                 {handler: twice(func([]byte) []byte { return nil }), want: ok},
		"a header with success first":           {handler: twice(func(p []byte) []byte { return p[:12] }), want: ok},
		"a header with a refusal":               {handler: raw(t, right, func(p []byte) []byte { return []byte{p[0], p[1], p[2], p[3] | 5, 0, 0, 0, 0, 0, 0, 0, 0} }), kind: resolver.ErrServer},
		"half a record":                         {handler: raw(t, right, func(p []byte) []byte { return p[:len(p)-3] }), kind: resolver.ErrServer},
		"no record but the number":              {handler: raw(t, right, func(p []byte) []byte { return p[:12+8+4] }), kind: resolver.ErrServer},
		"65,535 records":                        {handler: raw(t, right, func(p []byte) []byte { p[6], p[7] = 0xff, 0xff; return p }), kind: resolver.ErrTooLarge},
		"a name that points to itself":          {handler: raw(t, right, func(p []byte) []byte { p[24], p[25] = 0xc0, 24; return p }), kind: resolver.ErrServer},
		"a name that points beyond the end":     {handler: raw(t, right, func(p []byte) []byte { p[24], p[25] = 0xff, 0xff; return p }), kind: resolver.ErrServer},
		"256 records":                           {handler: truncating(many(256, `a.test. 60 TXT ""`)), want: ""},
		"257 records":                           {handler: truncating(many(257, `a.test. 60 TXT ""`)), kind: resolver.ErrTooLarge},
		"1,001 records of another name":         {handler: truncating(many(1001, `b.test. 60 TXT ""`)), kind: resolver.ErrTooLarge},
		"32 KiB":                                {handler: truncating(zone(t, text(128))), want: strings.Repeat("x", 128*255)},
		"more than 32 KiB":                      {handler: truncating(zone(t, text(129))), kind: resolver.ErrTooLarge},
		"64 KiB":                                {handler: truncating(zone(t, text(250))), kind: resolver.ErrTooLarge},
		"truncated over TCP":                    {handler: truncating(func(w dns.ResponseWriter, q *dns.Msg) { m := right(q); m.Truncated = true; _ = w.WriteMsg(m) }), kind: resolver.ErrServer},
		"another ID over TCP":                   {handler: truncating(raw(t, right, flip(0))), kind: resolver.ErrServer},
		"an empty packet over TCP":              {handler: truncating(raw(t, right, func([]byte) []byte { return nil })), kind: resolver.ErrServer},
		"silent over TCP":                       {handler: truncating(silent), kind: resolver.ErrServer, waits: true},
		"16 aliases":                            {handler: zone(t, chain(16)...), kind: resolver.ErrServer},
		"15 aliases":                            {handler: zone(t, append(chain(15), `n15.test. 60 TXT "right"`)...), want: ok},
		"strays, and the right one over TCP":    {handler: strays(t, right, 150), want: ok},
		"more bytes over UDP than were allowed": {handler: many(10, text(1)), want: strings.Repeat("x", 255)},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := patient
			if c.waits {
				timeout = brief
			}
			r := create(t, resolver.Config{Servers: []string{serve(t, c.handler).address}, Timeout: timeout})
			got, err := r.LookupTXT(t.Context(), "a.test")
			if c.kind == nil {
				require.NoError(t, err)
				assert.Equal(t, c.want, got[0])
				return
			}
			require.ErrorIs(t, err, c.kind)
			var dnsError *net.DNSError
			require.ErrorAs(t, err, &dnsError)
			assert.Equal(t, c.waits, dnsError.IsTimeout)
		})
	}
}

// chain returns n aliases in a row, from a.test to n15.test for 15.
func chain(n int) []string {
	list := []string{"a.test. 60 CNAME n1.test."}
	for i := 1; i < n; i++ {
		list = append(list, "n"+itoa(i)+".test. 60 CNAME n"+itoa(i+1)+".test.")
	}
	return list
}

// strays answers over UDP with n packets that have another ID.
func strays(t testing.TB, right func(*dns.Msg) *dns.Msg, n int) dns.HandlerFunc {
	t.Helper()
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := right(q)
		if isTCP(w) {
			_ = w.WriteMsg(m)
			return
		}
		m.Id++
		for range n {
			_ = w.WriteMsg(m)
		}
	}
}
