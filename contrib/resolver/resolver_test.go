package resolver_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

func TestLookups(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := reply(q)
		owner := q.Question[0].Name
		for _, line := range []string{" 60 A 192.0.2.1", " 60 AAAA 2001:db8::1", " 60 MX 10 mx.test.", " 60 TXT x", " 60 PTR mail.test."} {
			for _, rr := range records(t, owner+line) {
				if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
		}
		_ = w.WriteMsg(m)
	})
	r := asking(t, s.address)
	v4, err := r.LookupA(t.Context(), "a.test")
	require.NoError(t, err)
	assert.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.1")}, v4)
	v6, err := r.LookupAAAA(t.Context(), "a.test")
	require.NoError(t, err)
	assert.Equal(t, []netip.Addr{netip.MustParseAddr("2001:db8::1")}, v6)
	mx, err := r.LookupMX(t.Context(), "a.test")
	require.NoError(t, err)
	assert.Equal(t, []resolver.MX{{Host: "mx.test", Preference: 10}}, mx)
	for addr, want := range map[string]string{
		"192.0.2.7":        "7.2.0.192.in-addr.arpa",
		"::ffff:192.0.2.8": "8.2.0.192.in-addr.arpa",
		"2001:db8::1":      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		"fe80::1%eth0":     "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa",
	} {
		names, err := r.LookupPTR(t.Context(), netip.MustParseAddr(addr))
		require.NoError(t, err)
		assert.Equal(t, []string{"mail.test"}, names)
		before := r.Stats().Hits
		_, err = r.Lookup(t.Context(), want, resolver.TypePTR)
		require.NoError(t, err)
		assert.Equal(t, before+1, r.Stats().Hits, want)
	}
	_, err = r.LookupPTR(t.Context(), netip.Addr{})
	require.ErrorIs(t, err, resolver.ErrName)
	_, err = r.Lookup(t.Context(), "a.test", 99)
	require.ErrorIs(t, err, resolver.ErrName)
	_, err = r.Lookup(t.Context(), "a.test", 65280)
	require.ErrorContains(t, err, "TYPE65280")
}

func TestNames(t *testing.T) {
	t.Parallel()
	r := create(t, resolver.Config{Servers: []string{serve(t, code(dns.RcodeNameError)).address}})
	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label, label[:61]}, ".") // 253 bytes
	for name, ok := range map[string]bool{
		"a": true, "a.": true, "_a.b_c": true, "a-.b": true, "1.2": true, "a b.c": true, "a@b": true,
		label + ".a": true, long: true, long + ".": true,
		"": false, ".": false, "a..b": false, ".a": false, "a..": false, label + "a.b": false, "a." + long: false, long + "a": false,
		"ä.test": false, "a\x00": false, "a\tb": false, `a\.b`: false, "a\x7f": false, "\xff": false,
		"\u212Aelvin.test": false, "\u017Fun.test": false, "\u0130.test": false, "K.test": true, "k.t\u212A": false,
	} {
		_, err := r.LookupTXT(t.Context(), name)
		want := resolver.ErrName
		if ok {
			want = resolver.ErrNXDomain
		}
		require.ErrorIs(t, err, want, name)
		var dnsError *net.DNSError
		require.ErrorAs(t, err, &dnsError)
		assert.True(t, dnsError.IsNotFound)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  resolver.Config
		says string
	}{
		"the system's":       {resolver.Config{}, ""},
		"a server by name":   {resolver.Config{Servers: []string{"localhost:53"}}, ""},
		"no port":            {resolver.Config{Servers: []string{"127.0.0.1:53", "localhost"}}, `name server "localhost": want an address and a port`},
		"an empty port":      {resolver.Config{Servers: []string{"localhost:"}}, "want an address and a port"},
		"port 0":             {resolver.Config{Servers: []string{"127.0.0.1:0"}}, "want an address and a port"},
		"port 65,536":        {resolver.Config{Servers: []string{"127.0.0.1:65536"}}, "want an address and a port"},
		"a port too high":    {resolver.Config{Servers: []string{"127.0.0.1:999999"}}, `name server "127.0.0.1:999999": want an address and a port`},
		"a negative port":    {resolver.Config{Servers: []string{"127.0.0.1:-53"}}, "want an address and a port"},
		"a port with a sign": {resolver.Config{Servers: []string{"127.0.0.1:+53"}}, "want an address and a port"},
		"a port by name":     {resolver.Config{Servers: []string{"127.0.0.1:domain"}}, "want an address and a port"},
		"IPv6, no brackets":  {resolver.Config{Servers: []string{"::1"}}, "want an address and a port"},
		"IPv6":               {resolver.Config{Servers: []string{"[::1]:65535", "[fe80::1%lo]:1"}}, ""},
		"a negative share":   {resolver.Config{MaxPerDomain: -1}, "is negative"},
		"a negative grace":   {resolver.Config{GiveWay: -1}, "is negative"},
		"an empty host":      {resolver.Config{Servers: []string{":53"}}, "want an address and a port"},
		"no servers":         {resolver.Config{Servers: []string{}}, "leave Servers nil"},
		"a negative time":    {resolver.Config{Failure: -1}, "is negative"},
		"a negative limit":   {resolver.Config{MaxBytes: -1}, "is negative"},
		"limits out of turn": {resolver.Config{MinTTL: time.Hour, MaxTTL: time.Minute}, "MinTTL is greater than MaxTTL"},
		"a low limit":        {resolver.Config{MaxTTL: time.Second}, ""},
	} {
		_, err := resolver.New(c.cfg)
		if c.says == "" {
			assert.NoError(t, err, name)
			continue
		}
		assert.ErrorContains(t, err, c.says, name)
	}
}

// TestOneLookup tests that concurrent lookups share one, and that a caller who
// gives up does not end it for the others.
func TestOneLookup(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		<-answer
		zone(t, "a.test. 60 TXT x")(w, q)
	})
	r := create(t, resolver.Config{Servers: []string{s.address}, Timeout: patient})
	canceled, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the message has ended")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if i == 0 {
				_, err := r.LookupTXT(canceled, "a.test")
				assert.ErrorIs(t, err, gone)
				return
			}
			texts, err := r.LookupTXT(t.Context(), "A.test.")
			assert.NoError(t, err)
			assert.Equal(t, []string{"x"}, texts)
		})
	}
	require.Eventually(t, func() bool { return r.Stats().Misses == 50 && s.udp.Load() == 1 }, patient, time.Millisecond)
	assert.Equal(t, 1, r.Stats().InFlight)
	cancel(gone)
	close(answer)
	wg.Wait()
	assert.Equal(t, int32(1), s.udp.Load())
	assert.Equal(t, 0, r.Stats().InFlight)
	_, err := r.LookupTXT(canceled, "a.test")
	assert.ErrorIs(t, err, gone)
}
