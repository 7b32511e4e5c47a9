package dmarc_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

// A sender may choose a name of as many labels as the DNS allows, for the author and for
// signatures.
func TestManyLabels(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("a.", 126) + "a"
	require.Len(t, deep, 253)
	dns := &plain{}
	r := dmarc.Evaluate(t.Context(), dns, input(deep, "dkim=pass "+deep+"b"))
	assert.Equal(t, dmarc.StatusNone, r.Status)
	assert.Len(t, dns.asked, 7) // the DNS can have no name with _dmarc before the whole name
}

// A sender may add as many signatures of as many domains as fit into a message. Those with the
// author domain count in any case.
func TestManySignatures(t *testing.T) {
	t.Parallel()
	dns := &plain{texts: map[string][]string{"_dmarc.example.com": {"v=DMARC1; p=reject"}}}
	in := dmarc.Input{AuthorDomains: []string{"example.com"}}
	for i := range 5000 {
		// Each is an organizational domain.
		domain := fmt.Sprintf("d%d.example.com", i)
		dns.texts["_dmarc."+domain] = []string{"v=DMARC1; p=none; psd=n"}
		in.DKIM = append(in.DKIM, dmarc.DKIM{Result: "pass", Domain: domain})
	}
	r := dmarc.Evaluate(t.Context(), dns, in)
	assert.Equal(t, "fail reject p", outcome(r))
	assert.Len(t, dns.asked, 2+10)
	assert.Len(t, r.Identities, 5000)
	assert.Less(t, len(r.Reasons), 20)
	assert.Equal(t, "DKIM has the result pass for d10.example.com, and whether it is aligned is not known: the organizational domains of 10 other domains were looked up.", r.Identities[10].Explanation)

	in.DKIM = append(in.DKIM, dmarc.DKIM{Result: "pass", Domain: "example.com"})
	r = dmarc.Evaluate(t.Context(), dns, in)
	assert.Equal(t, dmarc.StatusPass, r.Status)

	in.SPF = []dmarc.SPF{{Result: "pass", Domain: "bounce.example.com"}}
	r = dmarc.Evaluate(t.Context(), dns, in)
	assert.NotNil(t, r.Aligned("spf"), "signatures do not use up the share of SPF")
}

func TestManyRecords(t *testing.T) {
	t.Parallel()
	texts := make([]string, 10000)
	for i := range texts {
		texts[i] = fmt.Sprintf("v=DMARC1 %d", i)
	}
	dns := &plain{texts: map[string][]string{"_dmarc.example.com": texts}}
	r := dmarc.Evaluate(t.Context(), dns, input("example.com", ""))
	assert.Equal(t, dmarc.StatusNone, r.Status)
	assert.LessOrEqual(t, len(r.Reasons), 12)
	checkResult(t, r)

	texts[9000] = "v=DMARC1; p=reject"
	r = dmarc.Evaluate(t.Context(), dns, input("example.com", ""))
	assert.Equal(t, "fail reject p", outcome(r))

	dns.texts["_dmarc.example.com"] = slices.Repeat([]string{"v=DMARC1; p=reject"}, 10000)
	r = dmarc.Evaluate(t.Context(), dns, input("example.com", ""))
	assert.Equal(t, dmarc.StatusNone, r.Status)
	assert.Equal(t, "_dmarc.example.com has 10000 DMARC records, and so none of them counts: remove all but one.", r.Reasons[1])
}

// A real answer of that size is too large for the resolver. So the record does not count, and a
// later attempt will not help.
func TestManyRecordsInDNS(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	for i := range 400 {
		fmt.Fprintf(&zone, "_dmarc.example.com. TXT \"v=DMARC1; p=none; x=%d\"\n", i)
	}
	r := dmarc.Evaluate(t.Context(), resolvertest.New(t, zone.String()), input("example.com", "dkim=pass example.com"))
	assert.Equal(t, dmarc.StatusPermError, r.Status)
	require.ErrorIs(t, r.Err, resolver.ErrTooLarge)
}

func TestLargeRecords(t *testing.T) {
	t.Parallel()
	const size = 64 << 10
	for name, filling := range map[string]string{
		"tags": "x=y;", "unknown policies": "p=x;", "semicolons": ";", "equals signs": "=", "blanks": " ",
		"addresses": "rua=" + strings.Repeat("x,", 1000) + ";", "not UTF-8": "\xff", "one name": "a", "options": "fo=" + strings.Repeat("0:", 1000) + ";",
	} {
		text := "v=DMARC1;" + strings.Repeat(filling, size/len(filling)) + ";p=reject;rua=mailto:a@b"
		record, err := dmarc.ParseRecord(text)
		require.NoError(t, err, name)
		assert.LessOrEqual(t, len(record.Problems), 10, name)
		assert.Less(t, len(strings.Join(record.Problems, "")), 3000, name)
	}
	_, err := dmarc.ParseRecord("v" + strings.Repeat(" ", 200) + "=DMARC1; p=none")
	require.NoError(t, err)
	_, err = dmarc.ParseRecord("v" + strings.Repeat(" ", size) + "=DMARC1; p=none")
	require.ErrorIs(t, err, dmarc.ErrRecord)
}

func TestHostileFrom(t *testing.T) {
	t.Parallel()
	const size = 60 << 10
	for name, from := range map[string]string{
		"domains":  strings.Repeat("a@b.c,", size/6),
		"names":    manyNames(5000),
		"at signs": strings.Repeat("@", size),
		"brackets": strings.Repeat("<", size),
		"comments": strings.Repeat("(", size),
		"quotes":   strings.Repeat(`"`, size),
		"labels":   "a@" + strings.Repeat("a.", size/2),
		"a label":  "a@" + strings.Repeat("ü", size/2),
		"texts":    strings.Repeat("a@ü ", size/5),
	} {
		dns := &plain{}
		r := dmarc.Evaluate(t.Context(), dns, dmarc.Input{From: []string{from}})
		assert.NotEqual(t, dmarc.StatusPass, r.Status, name)
		assert.LessOrEqual(t, len(dns.asked), 8, name)
		assert.Less(t, len(strings.Join(r.Reasons, "")), 1000, name)
		checkResult(t, r)
	}
}

// manyNames returns a From field with addresses of n domains.
func manyNames(n int) string {
	var from strings.Builder
	for i := range n {
		fmt.Fprintf(&from, "a@%d.x,", i)
	}
	return from.String()
}

// The context ends the lookups, and a budget bounds them.
func TestContextAndBudget(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, records("example.com p=reject"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := dmarc.Evaluate(ctx, dns, input("a.example.com", ""))
	assert.Equal(t, dmarc.StatusTempError, r.Status)
	require.ErrorIs(t, r.Err, context.Canceled)

	r = dmarc.Evaluate(resolver.WithBudget(t.Context(), resolver.NewBudget(2, 9)), dns, input("a.example.com", ""))
	assert.Equal(t, dmarc.StatusTempError, r.Status)
	require.ErrorIs(t, r.Err, resolver.ErrBudget)

	r = dmarc.Evaluate(resolver.WithBudget(t.Context(), resolver.NewBudget(3, 9)), dns, input("a.example.com", ""))
	assert.Equal(t, "fail reject p", outcome(r))
}
