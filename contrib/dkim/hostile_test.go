package dkim_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// signedTenTimes returns a message with ten signatures of different selectors.
func signedTenTimes(n int) string {
	var m strings.Builder
	for i := range 10 {
		m.WriteString(signatureOf(fmt.Sprintf("s%d", 10*n+i), "evil.example"))
	}
	return m.String() + crlf(fromAnn+"\nx\n")
}

// signatureOf returns a well-formed signature that is not valid.
func signatureOf(selector, domain string) string {
	return "DKIM-Signature: v=1; a=rsa-sha256; d=" + domain + "; s=" + selector + "; h=from; bh=" + strings.Repeat("A", 43) + "=; b=AAAA\r\n"
}

// verifyMany verifies messages with signedTenTimes, some at the same time.
func verifyMany(t *testing.T, dns dkim.Resolver, messages, atOnce int) {
	t.Helper()
	var wg sync.WaitGroup
	var next atomic.Int32
	for range atOnce {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= messages; n = int(next.Add(1)) {
				cfg := dkim.Verifying{Resolver: dns, Timeout: 3 * time.Second}
				_, err := dkim.Verify(t.Context(), cfg, strings.NewReader(signedTenTimes(n)))
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
}

// TestMemoryOfLookups verifies messages with signatures whose key records are as
// large as possible. Each name adds to the cache, whose size is bounded.
func TestMemoryOfLookups(t *testing.T) { //nolint:paralleltest // it measures the heap
	const limit = 2 << 20
	for name, texts := range map[string]int{"large": 2, "too large": 4} {
		t.Run(name, func(t *testing.T) {
			dns, err := resolver.New(resolver.Config{MaxBytes: limit, Servers: []string{serveDNS(t, func(q query) []reply {
				if q.network == "udp" {
					return []reply{{0, q.truncated()}}
				}
				text := txt(asked, strings.Repeat("v", 15500))
				return []reply{{0, q.answer(0, [][]byte{text, text, text, text}[:texts]...)}}
			})}})
			require.NoError(t, err)
			before := heap()
			verifyMany(t, dns, 100, 4) // 31 MB of records, or 62 MB
			stats := dns.Stats()
			assert.LessOrEqual(t, stats.Bytes, limit)
			assert.Positive(t, stats.Entries)
			grown := int(heap() - before)
			t.Logf("%d of %d bytes", grown, stats.Bytes)
			assert.Less(t, grown, limit*11/10)
			runtime.KeepAlive(dns)
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestDescriptorsOfLookups verifies 20 messages at the same time while the DNS is
// silent. The sockets for their 200 signatures are bounded.
func TestDescriptorsOfLookups(t *testing.T) {
	t.Parallel()
	var open, most atomic.Int32
	dns, err := resolver.New(resolver.Config{
		Servers: []string{serveDNS(t, func(query) []reply { return nil })}, MaxLookups: 8,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err // the time of the look-up was over
			}
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
			return countedConn{conn, &open}, nil
		},
		Timeout: 3 * time.Second,
	})
	require.NoError(t, err)
	verifyMany(t, dns, 20, 20)
	assert.Equal(t, int32(8), most.Load())
	assert.Eventually(t, func() bool { return dns.Stats().InFlight+dns.Stats().Waiting == 0 }, time.Minute, 10*time.Millisecond)
	assert.Zero(t, open.Load())
}

// TestLookupsAtOnce verifies a message whose ten signatures are of silent domains. Its
// lookups do not take more places than one message may have.
func TestLookupsAtOnce(t *testing.T) {
	t.Parallel()
	dns, err := resolver.New(resolver.Config{
		Servers: []string{serveDNS(t, func(query) []reply { return nil })}, Timeout: time.Minute,
	})
	require.NoError(t, err)
	var m strings.Builder
	for i := range 10 {
		m.WriteString(signatureOf("s", fmt.Sprintf("evil%d.example", i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = dkim.Verify(ctx, dkim.Verifying{Resolver: dns}, strings.NewReader(m.String()+crlf(fromAnn+"\nx\n")))
	}()
	assert.Eventually(t, func() bool { return dns.Stats().InFlight == 4 }, time.Minute, time.Millisecond)
	assert.Never(t, func() bool { return dns.Stats().InFlight > 4 }, 50*time.Millisecond, time.Millisecond)
	cancel()
	<-done
	assert.Eventually(t, func() bool { return dns.Stats().InFlight == 0 }, time.Minute, time.Millisecond)
}

type countedConn struct {
	net.Conn
	open *atomic.Int32
}

func (c countedConn) Close() error {
	c.open.Add(-1)
	return c.Conn.Close()
}

// fromFields returns From fields with many authors whose domains differ. Together
// their values have at most a number of bytes. The last author is ann@example.org.
func fromFields(size int) string {
	var m strings.Builder
	last := " ann@example.org"
	for n := 0; ; n++ {
		values := " a@x" + base10(int64(n)) + ".example, b@y" + base10(int64(n)) + ".example"
		if size -= len(values); size < len(last) {
			return m.String() + "From:" + last + "\r\n"
		}
		m.WriteString("From:" + values + "\r\n")
	}
}

// TestManyAuthors verifies a message with thousands of authors and signatures. The
// signature of an author is found among them, and takes a lookup for each label of
// an author's domain. The sum of both numbers, and not the product, is what counts.
func TestManyAuthors(t *testing.T) {
	t.Parallel()
	dns := publish(t, key(t, "example.org", "e", "ed25519"))
	good, _, _ := strings.Cut(craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd, h: strings.Repeat("From:", 999) + "From"}, "From: ann@example.org\n", "x\n"), "\r\nFrom")
	var many strings.Builder
	for i := range 5000 {
		many.WriteString(signatureOf("s", "evil"+base10(int64(i))+".example"))
	}
	for name, c := range map[string]struct {
		from string
		want bool
	}{
		"as many as are read": {fromFields(64 << 10), true},
		"more":                {fromFields(64<<10) + "From: " + strings.Repeat(" ", 100) + "c@example.net\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: dns}, strings.NewReader(many.String()+good+"\r\n"+c.from+"\r\nx\r\n"))
			require.NoError(t, err)
			require.Len(t, results, 10)
			assert.Equal(t, c.want, results[9].Domain == "example.org", "the signature of an author takes precedence")
		})
	}
	t.Run("without time", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		results, err := dkim.Verify(ctx, dkim.Verifying{Resolver: dns}, strings.NewReader(many.String()+good+"\r\n"+fromFields(64<<10)+"\r\nx\r\n"))
		require.NoError(t, err)
		require.Len(t, results, 10)
		assert.Equal(t, "evil0.example", results[0].Domain)
		for _, r := range results {
			assert.Equal(t, dkim.StatusTempError, r.Status)
		}
	})
}

// TestPolicyOfManyAuthors tests that a sender cannot evade a policy with more
// authors than are read.
func TestPolicyOfManyAuthors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policies map[string]dkim.Policy
		size     int
		want     string
	}{
		"as many as are read":       {map[string]dkim.Policy{"bank.example": {Unsigned: dkim.Reject}}, 60 << 10, ""},
		"more":                      {map[string]dkim.Policy{"bank.example": {Unsigned: dkim.Reject}}, 65 << 10, "550 5.7.20 message not accepted: its From does not clearly show its author's domain"},
		"more, and a milder policy": {map[string]dkim.Policy{"bank.example": {Fail: dkim.TempFail}, "*": {}}, 65 << 10, "451 4.7.20 message not accepted now: its From does not clearly show its author's domain"},
		"more, without a policy":    {nil, 65 << 10, ""},
		"the author is read":        {map[string]dkim.Policy{"example.org": {Unsigned: dkim.Reject}}, 60 << 10, "550 5.7.20 message not accepted: it has no DKIM signature of its author's domain"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net", Policies: c.policies}})
			require.NoError(t, err)
			res := miltertest.Run(t, f, miltertest.Message(fromFields(c.size)+"\r\nx\r\n"), quiet())
			assert.Equal(t, c.want, res.Reply())
		})
	}
}

// TestNotCovered tests messages with more fields of a name than the signature
// covers (RFC 6376 section 8.15).
func TestNotCovered(t *testing.T) {
	t.Parallel()
	const (
		passes = "pass example.org"
		policy = "policy example.org a From field is not signed"
	)
	record := publish(t, key(t, "example.org", "e", "ed25519"))["e._domainkey.example.org"][0]
	z := zone{"e._domainkey.example.org": {record}, "t._domainkey.example.org": {record + "; t=y"}}
	tests := map[string]struct {
		h, header, added string
		tags             string
		want             string
	}{
		"one From":                         {"From", fromAnn, "", tagsEd, passes},
		"a second From":                    {"From", fromAnn, "From: eve@example.net\r\n", tagsEd, policy},
		"a second From of the same author": {"From", fromAnn, "From: ann@example.org\r\n", tagsEd, policy},
		"an empty second From":             {"From", fromAnn, "From:\r\n", tagsEd, policy},
		"a second From with a space":       {"From", fromAnn, "From : eve@example.net\r\n", tagsEd, policy},
		"a second From in capitals":        {"From", fromAnn, "FROM: eve@example.net\r\n", tagsEd, policy},
		"a third From":                     {"From", fromAnn, "From: a@example.net\r\nFrom: b@example.net\r\n", tagsEd, policy},
		"a second From, oversigned":        {"From:From", fromAnn, "From: eve@example.net\r\n", tagsEd, "fail example.org signature did not verify"},
		"a second From while testing":      {"From", fromAnn, "From: eve@example.net\r\n", withTags(tagsEd, "s=t"), "neutral example.org a From field is not signed, domain is testing"},
		"a second Subject":                 {"From:Subject", fromAnn, "Subject: y\r\n", tagsEd, passes + " another Subject field is not signed"},
		"a second Subject while testing":   {"From:Subject", fromAnn, "Subject: y\r\n", withTags(tagsEd, "s=t"), passes + " another Subject field is not signed, domain is testing"},
		"a second Subject, none signed":    {"From", fromAnn, "Subject: y\r\n", tagsEd, passes},
		"a second Subject, oversigned":     {"From:Subject:Subject", fromAnn, "Subject: y\r\n", tagsEd, "fail example.org signature did not verify"},
		"a second Content-Type":            {"From:Content-Type", fromAnn + "Content-Type: text/plain\n", "content-type: text/html\r\n", tagsEd, passes + " another Content-Type field is not signed"},
		"a second Received":                {"From:Received", fromAnn + "Received: a\n", "Received: b\r\n", tagsEd, passes},
		"a second List-Unsubscribe":        {"From:List-Unsubscribe", fromAnn + "List-Unsubscribe: a\n", "List-Unsubscribe: b\r\n", tagsEd, passes},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := craft(t, crafted{key: private(t, "ed25519"), tags: c.tags, h: c.h}, c.header, "x\n")
			assert.Equal(t, []string{c.want}, verify(t, dkim.Verifying{Resolver: z}, c.added+message))
		})
	}
	// Two From fields that are both signed are another matter.
	both := twiceFrom(t)
	assert.Equal(t, []string{passes}, verify(t, dkim.Verifying{Resolver: z}, both))
	assert.Equal(t, []string{policy}, verify(t, dkim.Verifying{Resolver: z}, "From: eve@example.net\r\n"+both))
}

// twiceFrom returns a message with two From fields that a signature covers.
func twiceFrom(t *testing.T) string {
	t.Helper()
	message := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd, h: "From : From"}, "From: bob@example.org\nFROM : bob@example.org\n", "x\n")
	require.Contains(t, message, "FROM")
	return message
}
