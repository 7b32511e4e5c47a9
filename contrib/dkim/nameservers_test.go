package dkim_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
)

// Timeouts of a verification. A busy machine cannot exceed atOnce, and if the
// verification waits so long, the time of the test ends first.
const (
	atOnce  = time.Hour
	toEnd   = time.Second
	repeats = 8 * time.Second // the second query is sent after half of it
)

// TestNameServer verifies a message with the answers of a DNS server over real
// sockets. Whatever the server does, the result must be correct. A verification
// waits only for answers that may still come. No time is compared.
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
		timeout time.Duration
	}{
		"answers":                  {func(q query) []reply { return now(right(q)) }, passes, atOnce},
		"never answers":            {func(query) []reply { return nil }, unknown, toEnd},
		"answers late":             {func(q query) []reply { return []reply{{toEnd / 4, right(q)}} }, passes, atOnce},
		"answers too late":         {func(q query) []reply { return []reply{{toEnd * 2, right(q)}} }, unknown, toEnd},
		"answers the second time":  {func(q query) []reply { return now(right(q))[:min(q.n, 1)] }, passes, repeats},
		"has no such name":         {func(q query) []reply { return now(q.answer(rcodeNXDomain)) }, none, atOnce},
		"has no text":              {func(q query) []reply { return now(q.answer(0)) }, none, atOnce},
		"fails":                    {func(q query) []reply { return now(q.answer(rcodeServFail)) }, unknown, atOnce},
		"refuses":                  {func(q query) []reply { return now(q.answer(rcodeRefused)) }, unknown, atOnce},
		"another id":               {func(q query) []reply { return now(wrongID(right(q))) }, unknown, toEnd},
		"another id, then right":   {func(q query) []reply { return now(wrongID(q.answer(rcodeNXDomain)), right(q)) }, passes, atOnce},
		"another name":             {func(q query) []reply { return now(wrongName(right(q))) }, unknown, toEnd},
		"another name, then right": {func(q query) []reply { return now(wrongName(q.answer(rcodeNXDomain)), right(q)) }, passes, atOnce},
		"an alias": {func(q query) []reply {
			return now(q.answer(0, rr(asked, typeCNAME, named("a", "b")), txt(named("a", "b"), record)))
		}, passes, atOnce},
		"an alias of itself": {func(q query) []reply { return now(q.answer(0, rr(asked, typeCNAME, asked))) }, unknown, atOnce},
		"aliases in a ring": {func(q query) []reply {
			return now(q.answer(0, rr(asked, typeCNAME, named("a")), rr(named("a"), typeCNAME, asked)))
		}, unknown, atOnce},
		"an alias, ever another": {func(q query) []reply {
			return now(q.answer(0, rr(asked, typeCNAME, named("n", string(rune('a'+q.n%26))))))
		}, none, atOnce},
		"a name that points nowhere": {func(q query) []reply {
			return now(q.answer(0, txt([]byte{0xc0, 0xff}, record)))
		}, unknown, atOnce},
		"a name that points to itself": {func(q query) []reply {
			p := q.answer(0)
			return now(append(p[:7:7], append([]byte{1, 0, 0, 0, 0}, append(q.question(), txt([]byte{0xc0, byte(dnsHeader + len(q.question()))}, record)...)...)...))
		}, unknown, atOnce},
		"garbage":               {func(query) []reply { return now([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, unknown, toEnd},
		"an empty packet":       {func(query) []reply { return now(nil) }, unknown, toEnd},
		"half an answer":        {func(q query) []reply { return now(right(q)[:len(q.packet)+8]) }, unknown, atOnce},
		"another key":           {func(q query) []reply { return now(q.answer(0, txt(asked, other))) }, "permerror example.org key is of another algorithm", atOnce},
		"two keys":              {func(q query) []reply { return now(q.answer(0, txt(asked, other), txt(asked, record))) }, passes, atOnce},
		"a key, and other text": {func(q query) []reply { return now(q.answer(0, txt(asked, "v=spf1 -all"), txt(asked, record))) }, passes, atOnce},
		"an empty text":         {func(q query) []reply { return now(q.answer(0, rr(asked, typeTXT, []byte{0}))) }, "permerror example.org key record unusable", atOnce},
		"cut short, whole over tcp": {func(q query) []reply {
			if q.network == "udp" {
				return now(q.truncated())
			}
			return now(right(q))
		}, passes, atOnce},
		"cut short, silent over tcp": {func(q query) []reply { return now(q.truncated())[:btoi(q.network == "udp")] }, unknown, toEnd},
		"cut short over tcp too":     {func(q query) []reply { return now(q.truncated()) }, unknown, atOnce},
		"64 KiB over tcp": {func(q query) []reply {
			if q.network == "udp" {
				return now(q.truncated())
			}
			return now(q.answer(0, txt(asked, strings.Repeat("v", 63<<10))))
		}, "permerror example.org key record unusable", atOnce},
		"1,000 texts over tcp": {func(q query) []reply {
			if q.network == "udp" {
				return now(q.truncated())
			}
			texts := make([][]byte, 1000)
			for i := range texts {
				texts[i] = txt(asked, "x")
			}
			return now(q.answer(0, texts...))
		}, "permerror example.org key record unusable", atOnce},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dns, err := resolver.New(resolver.Config{Servers: []string{serveDNS(t, c.respond)}, Timeout: c.timeout})
			require.NoError(t, err)
			var both sync.WaitGroup // the second may share the lookup
			for range 2 {
				both.Go(func() {
					results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: dns, Timeout: c.timeout}, strings.NewReader(message))
					assert.NoError(t, err)
					assert.Equal(t, []string{c.want}, describe(results))
				})
			}
			both.Wait()
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
