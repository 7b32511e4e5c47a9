package arc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim"
)

// change replaces a text that must be there.
func change(t testing.TB, message, before, after string) string {
	t.Helper()
	require.Contains(t, message, before)
	return strings.Replace(message, before, after, 1)
}

// drop removes the nth field with a name, from 1 at the top.
func drop(t testing.TB, message, name string, n int) string {
	t.Helper()
	at := 0
	for range n {
		i := strings.Index(message[at:], name+": ")
		require.GreaterOrEqual(t, i, 0)
		at += i + 1
	}
	at--
	end := at
	for end == at || message[end] == ' ' || message[end] == '\t' {
		end += strings.Index(message[end:], "\r\n") + 2
	}
	return message[:at] + message[end:]
}

func TestChains(t *testing.T) {
	t.Parallel()
	z := published(t, domains...)
	for n := range len(domains) + 1 {
		r := verify(t, z, sealed(t, n, letter))
		if n == 0 {
			assert.Equal(t, arc.Result{Status: arc.None}, r)
			continue
		}
		assert.Equal(t, arc.Pass, r.Status, r.Reason)
		assert.Equal(t, n, r.Instances)
		assert.Zero(t, r.OldestPass)
		require.Len(t, r.Sets, n)
		for i, set := range r.Sets {
			want := arc.Pass
			if i == 0 {
				want = arc.None
			}
			assert.Equal(t, arc.Set{
				Instance: i + 1, Domain: domains[i], Selector: "arc", Signer: domains[i], Chain: want, Time: now.Local(),
				Results: set.Results,
			}, set)
			assert.Equal(t, "mx."+domains[i], set.Results.ID)
			require.Len(t, set.Results.Results, 1)
			assert.Equal(t, "arc", set.Results.Results[0].Method)
			assert.Equal(t, string(want), set.Results.Results[0].Value)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	z := published(t, domains...)
	three := sealed(t, 3, letter)
	long := strings.Repeat("x", 64<<10)
	for name, c := range map[string]struct {
		message, want string
		sets          int
	}{
		"body":              {change(t, three, "How are you", "Who are you"), "the ARC-Message-Signature of instance 3 did not verify: the body has changed", 3},
		"subject":           {change(t, three, "Subject: hello", "Subject: help"), "the ARC-Message-Signature of instance 3 did not verify", 3},
		"another From":      {change(t, three, "\r\n\r\n", "\r\nFrom: eve@example.org\r\n\r\n"), "the ARC-Message-Signature of instance 3 did not verify", 3},
		"results of 1":      {change(t, three, "mx.one.example;", "mx.eve.example;"), "the ARC-Seal of instance 3 did not verify", 3},
		"no seal":           {drop(t, three, "ARC-Seal", 2), "instance 2 has no ARC-Seal field", 0},
		"no signature":      {drop(t, three, "ARC-Message-Signature", 3), "instance 1 has no ARC-Message-Signature field", 0},
		"no results":        {drop(t, three, "ARC-Authentication-Results", 1), "instance 3 has no ARC-Authentication-Results field", 0},
		"twice":             {"ARC-Authentication-Results: i=2; x; none\r\n" + three, "instance 2 has two ARC-Authentication-Results fields", 0},
		"a gap":             {strings.ReplaceAll(three, "i=2;", "i=4;"), "instance 2 has no ARC-Authentication-Results field", 0},
		"instance 51":       {"ARC-Seal: i=51; cv=none\r\n" + three, "an ARC-Seal has no valid instance (i=)", 0},
		"instance 0":        {"ARC-Authentication-Results: i=0; x; none\r\n" + three, "an ARC-Authentication-Results has no valid instance (i=)", 0},
		"huge instance":     {"ARC-Seal: i=99999999999999999999; cv=none\r\n" + three, "an ARC-Seal has no valid instance (i=)", 0},
		"no tags":           {"ARC-Seal: moo\r\n" + three, "an ARC-Seal is malformed", 0},
		"too long":          {"ARC-Seal: i=1; x=" + long + "\r\n" + three, "an ARC-Seal is longer than 64 KiB", 0},
		"cv of 1":           {change(t, three, "cv=none", "cv=pass"), "the ARC-Seal of instance 1 says cv=pass", 3},
		"cv of 3":           {change(t, three, "cv=pass", "cv=none"), "the ARC-Seal of instance 3 says cv=none", 3},
		"cv=fail":           {change(t, three, "cv=pass", "cv=fail"), "the ARC-Seal of instance 3 says that the chain had failed (cv=fail)", 3},
		"cv unknown":        {change(t, three, "cv=pass", "cv=maybe"), "the ARC-Seal of instance 3 has no valid cv= tag", 0},
		"h= in a seal":      {change(t, three, "cv=pass", "h=from; cv=pass"), "the ARC-Seal of instance 3 has an h= tag", 0},
		"signs a seal":      {change(t, three, "h=from:", "h=from:arc-seal:"), "the ARC-Message-Signature of instance 3 signs an ARC-Seal field", 3},
		"algorithm":         {change(t, three, "a=rsa-sha256", "a=rsa-sha1"), "the ARC-Seal of instance 3 has no valid a= tag", 0},
		"selector":          {change(t, three, "s=arc", "s=.."), "the ARC-Seal of instance 3 has no valid s= tag", 0},
		"l= is no number":   {change(t, three, "h=from:", "l=x; h=from:"), "the ARC-Message-Signature of instance 3 has no valid l= tag", 3},
		"x= is no number":   {change(t, three, "h=from:", "x=x; h=from:"), "the ARC-Message-Signature of instance 3 has no valid x= tag", 3},
		"other domain":      {change(t, three, "d=three.example", "d=eve.example"), "the ARC-Seal of instance 3 has no key record", 3},
		"151 fields":        {strings.Repeat("ARC-Seal: i=1; cv=none\r\n", 151) + letter, "instance 1 has two ARC-Seal fields", 0},
		"only a high field": {"ARC-Seal: i=50; cv=none\r\n" + letter, "instance 1 has no ARC-Authentication-Results field", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := verify(t, z, c.message)
			assert.Equal(t, arc.Fail, r.Status)
			assert.Equal(t, c.want, r.Reason)
			assert.False(t, r.TempError)
			assert.Len(t, r.Sets, c.sets)
			assert.Zero(t, r.OldestPass)
		})
	}
}

// TestOldestPass changes what earlier sealers have signed, as a mailing list does.
func TestOldestPass(t *testing.T) {
	t.Parallel()
	z := published(t, domains...)
	for name, c := range map[string]struct{ before, changed, want int }{
		"nothing changed":   {0, 0, 0},
		"before the second": {1, 0, 2},
		"before the fourth": {3, 0, 4},
		"before two":        {1, 3, 4},
	} {
		message := letter
		for i, domain := range domains {
			r := verify(t, z, message)
			if i > 0 && (i == c.before || i == c.changed) {
				message = change(t, message, "Subject: ", "Subject: [list] ")
			}
			fields, err := arc.Seal(hop(t, domain), r, strings.NewReader(message))
			require.NoError(t, err)
			message = strings.Join(fields, "") + message
		}
		r := verify(t, z, message)
		assert.Equal(t, arc.Pass, r.Status, "%s: %s", name, r.Reason)
		assert.Equal(t, c.want, r.OldestPass, name)
	}
}

func TestCrafted(t *testing.T) {
	t.Parallel()
	key, ed := private(t, "rsa"), private(t, "ed25519")
	edRecord, err := dkim.FormatRecord(ed.Public())
	require.NoError(t, err)
	rsaRecord, err := dkim.FormatRecord(key.Public())
	require.NoError(t, err)
	other, err := dkim.FormatRecord(private(t, "other").Public())
	require.NoError(t, err)
	const longer = "From: ann@example.org\r\n\r\nHow are you?\r\nVisit me.\r\n"
	for name, c := range map[string]struct {
		set     crafted
		message string
		records []string
		want    string // "" for a pass
	}{
		"plain":              {set: crafted{key: key}},
		"Ed25519":            {set: crafted{key: ed, method: "ed25519-sha256"}, records: []string{edRecord}},
		"the second key":     {set: crafted{key: key}, records: []string{other, edRecord, rsaRecord}},
		"another key":        {set: crafted{key: key}, records: []string{other}, want: "the ARC-Message-Signature of instance 1 did not verify"},
		"another algorithm":  {set: crafted{key: key}, records: []string{edRecord}, want: "the ARC-Message-Signature of instance 1 has a key of another algorithm"},
		"revoked":            {set: crafted{key: key}, records: []string{"p="}, want: "the ARC-Message-Signature of instance 1 has a key that is revoked"},
		"no key":             {set: crafted{key: key}, records: []string{"moo"}, want: "the ARC-Message-Signature of instance 1 has an unusable key record"},
		"not for mail":       {set: crafted{key: key}, records: []string{rsaRecord + "; s=tlsrpt"}, want: "the ARC-Message-Signature of instance 1 has a key that is not for this use"},
		"expires later":      {set: crafted{key: key, message: "x=1772600900; "}},
		"expired":            {set: crafted{key: key, message: "x=1772600000; "}, want: "the ARC-Message-Signature of instance 1 has expired"},
		"whole length":       {set: crafted{key: key, message: "l=14; "}},
		"appended":           {set: crafted{key: key, message: "l=14; ", covered: "How are you?\r\n"}, message: longer, want: "the ARC-Message-Signature of instance 1 does not cover the whole body"},
		"shorter":            {set: crafted{key: key, message: "l=99; "}, want: "the ARC-Message-Signature of instance 1 does not cover the whole body"},
		"white space in i":   {set: crafted{key: key, results: " ( a (b\\)) comment ) i = 1 (c) ; mx.one.example; none"}},
		"a version":          {set: crafted{key: key, message: "v=2; ", seal: "v=2; "}},
		"no results":         {set: crafted{key: key, results: "i=1; "}},
		"comment never ends": {set: crafted{key: key, results: "i=1 (; x; none"}, want: "an ARC-Authentication-Results has no valid instance (i=)"},
		"three digits":       {set: crafted{key: key, results: "i=001; x; none"}, want: "an ARC-Authentication-Results has no valid instance (i=)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := zone{"arc._domainkey.one.example": {rsaRecord}}
			if c.records != nil {
				z["arc._domainkey.one.example"] = c.records
			}
			message := letter
			if c.message != "" {
				message = c.message
			}
			r := verify(t, z, craft(t, c.set, message))
			assert.Equal(t, c.want, r.Reason)
			assert.Equal(t, c.want == "", r.Status == arc.Pass)
			if name == "no results" {
				require.Len(t, r.Sets, 1)
				assert.ErrorIs(t, r.Sets[0].ResultsError, authres.ErrMalformed)
			}
		})
	}
}

// TestKeySizes limits the sizes of keys.
func TestKeySizes(t *testing.T) {
	t.Parallel()
	message, z := sealed(t, 1, letter), published(t, domains...)
	for name, cfg := range map[string]arc.VerifierConfig{
		"too short": {MinBits: 2048}, "too long": {MinBits: 1024, MaxBits: 1024},
	} {
		cfg.Resolver = z
		r, err := arc.Verify(t.Context(), cfg, strings.NewReader(message))
		require.NoError(t, err)
		if name == "too long" {
			assert.Equal(t, arc.Pass, r.Status, "exactly the limit")
			continue
		}
		assert.Equal(t, "the ARC-Message-Signature of instance 1 has a key of 1024 bits, which is not accepted", r.Reason)
	}
}

// TestTempError lets the DNS fail for the newest, the oldest, and none of the keys that decide.
func TestTempError(t *testing.T) {
	t.Parallel()
	message, z := sealed(t, 3, letter), published(t, domains...)
	for fails, want := range map[string]string{
		"arc._domainkey.three": "the ARC-Message-Signature of instance 3 was not verified: the DNS did not answer for its key",
		"arc._domainkey.one":   "the ARC-Seal of instance 1 was not verified: the DNS did not answer for its key",
	} {
		r := verify(t, broken{z, fails}, message)
		assert.Equal(t, arc.Fail, r.Status)
		assert.Equal(t, want, r.Reason)
		assert.True(t, r.TempError)
		assert.Len(t, r.Sets, 3)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := arc.Verify(ctx, arc.VerifierConfig{Resolver: z}, strings.NewReader(message))
	require.NoError(t, err)
	assert.Equal(t, "the ARC-Message-Signature of instance 3 was not verified in time", r.Reason)
	assert.True(t, r.TempError)
}

// slow is a DNS that answers nothing.
type slow struct{}

func (slow) LookupTXT(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	message := sealed(t, 3, letter)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r, err := arc.Verify(t.Context(), arc.VerifierConfig{Resolver: slow{}, Timeout: time.Second}, strings.NewReader(message))
		require.NoError(t, err)
		assert.True(t, r.TempError)
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

// counting counts lookups.
type counting struct {
	zone
	n atomic.Int64
}

func (c *counting) LookupTXT(ctx context.Context, name string) ([]string, error) {
	c.n.Add(1)
	return c.zone.LookupTXT(ctx, name)
}

// longest returns a message with the longest chain, whose sealers all have other names, and a zone
// with their keys. The sealers do not verify it, which would take long.
func longest(t *testing.T, message string) (string, zone) {
	t.Helper()
	z := make(zone)
	for i := range arc.MaxInstances {
		domain := fmt.Sprintf("d%d.example", i)
		maps.Copy(z, published(t, domain))
		before := arc.Result{Status: arc.Pass, Instances: i}
		if i == 0 {
			before.Status = arc.None
		}
		fields, err := arc.Seal(hop(t, domain), before, strings.NewReader(message))
		require.NoError(t, err)
		message = strings.Join(fields, "") + message
	}
	return message, z
}

// TestBounds verifies the longest chain, among as many DKIM signatures.
func TestBounds(t *testing.T) {
	t.Parallel()
	message, z := longest(t, strings.Repeat("DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=x; h=from; bh=AA==; b=AA==\r\n", 50)+letter)
	dns := &counting{zone: z}
	r := verify(t, dns, message)
	assert.Equal(t, arc.Pass, r.Status, r.Reason)
	assert.Equal(t, arc.MaxInstances, r.Instances)
	assert.Zero(t, r.OldestPass)
	assert.Equal(t, int64(arc.MaxInstances), dns.n.Load(), "one for each name")

	_, err := arc.Seal(hop(t, "one.example"), r, strings.NewReader(message))
	require.ErrorIs(t, err, arc.ErrNotSealed)
	require.EqualError(t, err, "arc: not sealed: the chain has 50 instances")

	dns = &counting{zone: z}
	r = verify(t, dns, strings.Replace(message, "ARC-Seal: ", "ARC-Seal: i=51; x=", 1))
	assert.Equal(t, arc.Fail, r.Status)
	assert.Zero(t, dns.n.Load(), "a chain without structure needs no keys")

	// Each name has as many keys as are tried, and the right one is the last.
	other, err := dkim.FormatRecord(private(t, "other").Public())
	require.NoError(t, err)
	for name, texts := range z {
		var records []string
		for i := range 7 {
			records = append(records, other+strings.Repeat(" ", i))
		}
		z[name] = append(records, texts...)
	}
	r = verify(t, z, message)
	assert.Equal(t, "the ARC-Seal of instance 26 was not verified: the chain has too many keys", r.Reason)

	// Signatures that each cover a large header count for OldestPass until the limit.
	message, z = longest(t, strings.Repeat("To: "+strings.Repeat("x", 900)+"\r\n", 200)+letter)
	r = verify(t, z, message)
	assert.Equal(t, arc.Pass, r.Status, r.Reason)
	assert.Equal(t, 27, r.OldestPass)
}

// TestLookups bounds the names: of the keys for OldestPass only some are looked up.
func TestLookups(t *testing.T) {
	t.Parallel()
	message, z := longest(t, letter)
	for i := 1; i < arc.MaxInstances; i++ { // another selector in each of the older message signatures
		at := strings.LastIndex(message, fmt.Sprintf(" i=%d; s=arc;", i))
		require.Positive(t, at)
		message = message[:at] + strings.Replace(message[at:], "s=arc", "s=old", 1)
	}
	dns := &counting{zone: z}
	r := verify(t, dns, message)
	assert.Equal(t, arc.Fail, r.Status, "the seals cover the changed fields")
	assert.Equal(t, int64(60), dns.n.Load())
}

func TestVerifyErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  arc.VerifierConfig
		want string
	}{
		"no resolver": {arc.VerifierConfig{}, "arc: configuration: no resolver"},
		"all": {
			arc.VerifierConfig{Timeout: -1, MinBits: 512, MaxBits: 256},
			"arc: configuration: no resolver\nthe timeout is negative\nthe minimum size of RSA keys is less than 1024 bits\nthe maximum size of RSA keys is less than the minimum",
		},
	} {
		_, err := arc.Verify(t.Context(), c.cfg, strings.NewReader(letter))
		assert.EqualError(t, err, c.want, name)
	}
	cfg := arc.VerifierConfig{Resolver: zone{}}
	_, err := arc.Verify(t.Context(), cfg, strings.NewReader("moo\r\n\r\n"))
	require.EqualError(t, err, "arc: a line of the header has no colon")
	wrong := errors.New("wrong")
	_, err = arc.Verify(t.Context(), cfg, iotest.ErrReader(wrong))
	require.ErrorIs(t, err, wrong)
}
