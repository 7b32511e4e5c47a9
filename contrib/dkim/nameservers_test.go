package dkim_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// dnsTimeout is the timeout of a verification in these tests.
const dnsTimeout = 2 * time.Second

// TestNameServer verifies a message with the answers of a DNS server over real
// sockets. Whatever the server does, the result must be correct and in time.
func TestNameServer(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	message := craft(t, crafted{key: k.Signer, tags: tagsEd}, fromAnn, "x\n")
	record, err := dkim.FormatRecord(k.Signer.Public())
	require.NoError(t, err)
	other, err := dkim.FormatRecord(private(t, "rsa").Public())
	require.NoError(t, err)
	right := func(q query) []byte { return q.answer(0, txt(asked, record)) }
	wrongID := func(p []byte) []byte { p[0] ^= 0x55; return p }
	wrongName := func(p []byte) []byte { p[dnsHeader+1] ^= 0x02; return p }
	now := func(packets ...[]byte) (out []reply) {
		for i, p := range packets {
			out = append(out, reply{time.Duration(i) * 20 * time.Millisecond, p})
		}
		return out
	}
	const (
		passes  = "pass example.org"
		unknown = "temperror example.org key not available"
		none    = "permerror example.org no key record"
	)
	tests := map[string]struct {
		respond func(query) []reply
		want    string
		waits   bool // to the end of the time
	}{
		"answers":                  {func(q query) []reply { return now(right(q)) }, passes, false},
		"never answers":            {func(query) []reply { return nil }, unknown, true},
		"answers late":             {func(q query) []reply { return []reply{{dnsTimeout / 4, right(q)}} }, passes, false},
		"answers too late":         {func(q query) []reply { return []reply{{dnsTimeout * 2, right(q)}} }, unknown, true},
		"answers the second time":  {func(q query) []reply { return now(right(q))[:min(q.n, 1)] }, passes, false},
		"has no such name":         {func(q query) []reply { return now(q.answer(rcodeNXDomain)) }, none, false},
		"has no text":              {func(q query) []reply { return now(q.answer(0)) }, none, false},
		"fails":                    {func(q query) []reply { return now(q.answer(rcodeServFail)) }, unknown, false},
		"refuses":                  {func(q query) []reply { return now(q.answer(rcodeRefused)) }, unknown, false},
		"another id":               {func(q query) []reply { return now(wrongID(right(q))) }, unknown, true},
		"another id, then right":   {func(q query) []reply { return now(wrongID(q.answer(rcodeNXDomain)), right(q)) }, passes, false},
		"another name":             {func(q query) []reply { return now(wrongName(right(q))) }, unknown, true},
		"another name, then right": {func(q query) []reply { return now(wrongName(q.answer(rcodeNXDomain)), right(q)) }, passes, false},
		"an alias": {func(q query) []reply {
			return now(q.answer(0, rr(asked, typeCNAME, named("a", "b")), txt(named("a", "b"), record)))
		}, passes, false},
		"an alias of itself": {func(q query) []reply { return now(q.answer(0, rr(asked, typeCNAME, asked))) }, none, false},
		"aliases in a ring": {func(q query) []reply {
			return now(q.answer(0, rr(asked, typeCNAME, named("a")), rr(named("a"), typeCNAME, asked)))
		}, none, false},
		"an alias, ever another": {func(q query) []reply {
			return now(q.answer(0, rr(asked, typeCNAME, named("n", string(rune('a'+q.n%26))))))
		}, none, false},
		"a name that points nowhere": {func(q query) []reply {
			return now(q.answer(0, txt([]byte{0xc0, 0xff}, record)))
		}, unknown, false},
		"a name that points to itself": {func(q query) []reply {
			p := q.answer(0)
			return now(append(p[:7:7], append([]byte{1, 0, 0, 0, 0}, append(q.question(), txt([]byte{0xc0, byte(dnsHeader + len(q.question()))}, record)...)...)...))
		}, unknown, false},
		"garbage":               {func(query) []reply { return now([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, unknown, true},
		"an empty packet":       {func(query) []reply { return now(nil) }, unknown, true},
		"half an answer":        {func(q query) []reply { return now(right(q)[:len(q.packet)+8]) }, unknown, false},
		"another key":           {func(q query) []reply { return now(q.answer(0, txt(asked, other))) }, "permerror example.org key is of another algorithm", false},
		"two keys":              {func(q query) []reply { return now(q.answer(0, txt(asked, record), txt(asked, record))) }, "permerror example.org key record unusable", false},
		"a key, and other text": {func(q query) []reply { return now(q.answer(0, txt(asked, "v=spf1 -all"), txt(asked, record))) }, passes, false},
		"an empty text":         {func(q query) []reply { return now(q.answer(0, rr(asked, typeTXT, []byte{0}))) }, "permerror example.org key record unusable", false},
		"cut short, whole over tcp": {func(q query) []reply {
			if q.network == "udp" {
				return now(q.truncated())
			}
			return now(right(q))
		}, passes, false},
		"cut short, silent over tcp": {func(q query) []reply { return now(q.truncated())[:btoi(q.network == "udp")] }, unknown, true},
		"cut short over tcp too":     {func(q query) []reply { return now(q.truncated()) }, none, false},
		"64 KiB over tcp": {func(q query) []reply {
			if q.network == "udp" {
				return now(q.truncated())
			}
			return now(q.answer(0, txt(asked, strings.Repeat("v", 63<<10))))
		}, "permerror example.org key record unusable", false},
		"1,000 texts over tcp": {func(q query) []reply {
			if q.network == "udp" {
				return now(q.truncated())
			}
			texts := make([][]byte, 1000)
			for i := range texts {
				texts[i] = txt(asked, "x")
			}
			return now(q.answer(0, texts...))
		}, "permerror example.org key record unusable", false},
	}
	// Most of these tests only wait, so they run concurrently.
	outcomes := make(map[string]chan outcome)
	for name, c := range tests {
		dns, err := dkim.NameServers(serveDNS(t, c.respond))
		require.NoError(t, err)
		cached := dkim.NewCache(dns, dkim.CacheConfig{Timeout: dnsTimeout})
		done := make(chan outcome, 2)
		go func() { done <- verifyAt(t.Context(), dns, message) }()
		go func() { done <- verifyAt(t.Context(), cached, message) }()
		outcomes[name] = done
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				got := <-outcomes[name]
				require.NoError(t, got.err)
				assert.Equal(t, []string{c.want}, got.results)
				assert.Less(t, got.took, dnsTimeout+2*time.Second)
				if !c.waits {
					assert.Less(t, got.took, dnsTimeout)
				}
			}
		})
	}
}

// outcome is what a verification came to.
type outcome struct {
	results []string
	err     error
	took    time.Duration
}

func verifyAt(ctx context.Context, dns dkim.Resolver, message string) outcome {
	start := time.Now()
	results, err := dkim.Verify(ctx, dkim.Verifying{Resolver: dns, Timeout: dnsTimeout}, strings.NewReader(message))
	return outcome{describe(results), err, time.Since(start)}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestNameServersInOrder checks that the next server is queried if a server is
// dead, silent or failing.
func TestNameServersInOrder(t *testing.T) {
	t.Parallel()
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	var asks atomic.Int32
	says := func(respond func(query) []reply) string {
		return serveDNS(t, func(q query) []reply { asks.Add(1); return respond(q) })
	}
	first := map[string]string{
		"dead":    gone.LocalAddr().String(),
		"silent":  says(func(query) []reply { return nil }),
		"failing": says(func(q query) []reply { return []reply{{0, q.answer(rcodeServFail)}} }),
	}
	good := serveDNS(t, func(q query) []reply { return []reply{{0, q.answer(0, txt(asked, "yes"))}} })
	for name, address := range first {
		r, err := dkim.NameServers(address, good)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), dnsTimeout)
		texts, err := r.LookupTXT(ctx, "s._domainkey.example.org.")
		cancel()
		require.NoError(t, err, name)
		assert.Equal(t, []string{"yes"}, texts, name)
	}
	none := says(func(q query) []reply { return []reply{{0, q.answer(rcodeNXDomain)}} })
	r, err := dkim.NameServers(none, good)
	require.NoError(t, err)
	asks.Store(0)
	_, err = r.LookupTXT(t.Context(), "s._domainkey.example.org.")
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	assert.True(t, dns.IsNotFound, "that there is none is an answer")
	assert.Equal(t, int32(1), asks.Load())
}

func TestNameServersAreAddresses(t *testing.T) {
	t.Parallel()
	_, err := dkim.NameServers("127.0.0.1:53", "localhost")
	require.ErrorContains(t, err, `name server "localhost": want an address and a port`)
	_, err = dkim.NameServers()
	assert.Error(t, err)
}
