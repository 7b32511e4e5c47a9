package resolver_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// TestServersInOrder tests that the next server is queried if one is dead, silent
// or failing, and that a lookup without an answer ends.
func TestServersInOrder(t *testing.T) {
	t.Parallel()
	good := zone(t, `a.test. 60 TXT "x"`)
	tests := map[string]struct {
		first   dns.HandlerFunc // nil for none
		udp     int32           // queries to the first
		timeout bool
	}{
		"dead":     {nil, 0, false},
		"silent":   {silent, 1, true},
		"failing":  {code(dns.RcodeServerFailure), 1, false},
		"refusing": {code(dns.RcodeRefused), 1, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := &server{address: deadAddress(t)}
			if c.first != nil {
				first = serve(t, c.first)
			}
			one, both := patient, patient
			if c.timeout {
				one, both = brief, 8*time.Second // a quarter for the first query
			}
			texts, err := create(t, resolver.Config{Servers: []string{first.address, serve(t, good).address}, Timeout: both}).LookupTXT(t.Context(), "a.test")
			require.NoError(t, err)
			assert.Equal(t, []string{"x"}, texts)
			assert.Equal(t, c.udp, first.udp.Load())

			_, err = create(t, resolver.Config{Servers: []string{first.address}, Timeout: one}).LookupTXT(t.Context(), "a.test")
			require.ErrorIs(t, err, resolver.ErrServer)
			assert.ErrorContains(t, err, first.address)
			var dnsError *net.DNSError
			require.ErrorAs(t, err, &dnsError)
			assert.Equal(t, c.timeout, dnsError.IsTimeout)
		})
	}
	t.Run("lost packet", func(t *testing.T) {
		t.Parallel()
		var once sync.Once
		s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
			lost := false
			once.Do(func() { lost = true })
			if !lost {
				good(w, q)
			}
		})
		r := create(t, resolver.Config{Servers: []string{s.address}, Timeout: 8 * time.Second}) // half for the first query
		texts, err := r.LookupTXT(t.Context(), "a.test")
		require.NoError(t, err)
		assert.Equal(t, []string{"x"}, texts)
	})
	t.Run("nothing is an answer", func(t *testing.T) {
		t.Parallel()
		second := serve(t, good)
		_, err := asking(t, serve(t, code(dns.RcodeNameError)).address, second.address).LookupTXT(t.Context(), "a.test")
		require.ErrorIs(t, err, resolver.ErrNXDomain)
		assert.Zero(t, second.udp.Load())
	})
}

// deadAddress returns an address at which nothing listens.
func deadAddress(t testing.TB) string {
	t.Helper()
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	return gone.LocalAddr().String()
}

// TestQuery tests what servers receive.
func TestQuery(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ids, ports := make(map[uint16]bool), make(map[string]bool)
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		ids[q.Id], ports[w.RemoteAddr().String()] = true, true
		assert.True(t, q.RecursionDesired)
		assert.True(t, q.AuthenticatedData)
		if opt := q.IsEdns0(); assert.NotNil(t, opt) {
			assert.Equal(t, uint16(1232), opt.UDPSize())
		}
		m := reply(q)
		m.AuthenticatedData = true
		m.Answer = records(t, q.Question[0].Name+` 60 TXT "x"`)
		_ = w.WriteMsg(m)
	})
	r := asking(t, s.address)
	for i := range 100 {
		a, err := r.Lookup(t.Context(), itoa(i)+".test", resolver.TypeTXT)
		require.NoError(t, err)
		assert.True(t, a.Authenticated)
	}
	assert.Greater(t, len(ids), 90)
	assert.Greater(t, len(ports), 90)
}
