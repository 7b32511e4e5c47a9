package resolver_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dmarc"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

// What libraries and programs want of a *net.Resolver.
var (
	_ spf.DNSResolver = (*resolver.NetResolver)(nil)
	_ interface {
		LookupTXT(ctx context.Context, name string) ([]string, error)
		LookupMX(ctx context.Context, name string) ([]*net.MX, error)
		LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
		LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
		LookupAddr(ctx context.Context, addr string) ([]string, error)
	} = (*net.Resolver)(nil)
)

const netZone = `
	a.example.    TXT "v=spf1 " "a -all"
	a.example.    A   192.0.2.1
	a.example.    AAAA 2001:db8::1
	mx.example.   TXT "v=spf1 mx -all"
	mx.example.   MX  20 six.example.
	mx.example.   MX  10 a.example.
	six.example.  AAAA 2001:db8::1
	ptr.example.  TXT "v=spf1 ptr:a.example -all"
	null.example. TXT "v=spf1 mx a -all"
	null.example. MX  0 .
	1.2.0.192.in-addr.arpa. PTR a.example.
	voids.example.  TXT "v=spf1 include:a.example exists:no1.test exists:no2.test exists:no3.test -all"
	nodata.example. TXT "v=spf1 a:below.void.example mx:below.void.example a:void.example -all"
	x.below.void.example. A 192.0.2.7
	two.example.    TXT "v=spf1 a:fail.example -all"
	half.example.   TXT "v=spf1 a:alias.example -all"
	alias.example.  CNAME a.example.
	name.example.   TXT "v=spf1 exists:%{l}.example -all"
	twice.example.  TXT "v=spf1 -all"
	twice.example.  TXT "v=spf1 +all"
	_dmarc.a.example. TXT "v=DMARC1; p=reject"
`

// TestSPFLibrary checks SPF with a library that looks at the type of errors, over sockets.
func TestSPFLibrary(t *testing.T) {
	t.Parallel()
	good := asking(t, resolvertest.Listen(t, netZone, resolvertest.Fail("fail.example"))).Net()
	dead := create(t, resolver.Config{Servers: []string{resolvertest.Listen(t, netZone, resolvertest.Silent("."))}, Timeout: brief}).Net()
	tests := map[string]struct {
		dns                    *resolver.NetResolver
		client, sender, result string
	}{
		"pass":                        {good, "192.0.2.1", "a.example", "pass"},
		"pass by IPv6":                {good, "2001:db8::1", "a.example", "pass"},
		"fail":                        {good, "192.0.2.2", "a.example", "fail"},
		"an exchanger":                {good, "192.0.2.1", "mx.example", "pass"},
		"a further exchanger":         {good, "2001:db8::1", "mx.example", "pass"},
		"no exchanger":                {good, "192.0.2.2", "mx.example", "fail"},
		"a domain without exchangers": {good, "192.0.2.2", "null.example", "fail"},
		"a name of the client":        {good, "192.0.2.1", "ptr.example", "pass"},
		"a client without a name":     {good, "192.0.2.9", "ptr.example", "fail"},
		"an alias":                    {good, "192.0.2.1", "half.example", "pass"},
		"no such domain":              {good, "192.0.2.1", "no.test", "none"},
		"no records":                  {good, "192.0.2.1", "below.void.example", "none"},
		"no name":                     {good, "192.0.2.1", "bad name.example", "none"},
		"a label too long":            {good, "192.0.2.1", strings.Repeat("x", 64) + ".example", "none"},
		"SERVFAIL":                    {good, "192.0.2.1", "fail.example", "temperror"},
		"SERVFAIL at a mechanism":     {good, "192.0.2.1", "two.example", "temperror"},
		"void lookups after a match":  {good, "192.0.2.1", "voids.example", "pass"},
		"too many void lookups":       {good, "192.0.2.9", "voids.example", "permerror"},
		"void lookups without data":   {good, "192.0.2.9", "nodata.example", "permerror"},
		"two records":                 {good, "192.0.2.1", "twice.example", "permerror"},
		"a dead server":               {dead, "192.0.2.1", "a.example", "temperror"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := spf.CheckHostWithSender(net.ParseIP(tt.client), "helo.test", "ann@"+tt.sender, spf.WithContext(t.Context()), spf.WithResolver(tt.dns))
			assert.Equal(t, tt.result, string(got), "%v", err)
		})
	}
}

// TestSPFBudget checks SPF with budgets. The library counts void lookups by itself. A budget
// that ends before the limits of the library makes the result temporary.
func TestSPFBudget(t *testing.T) {
	t.Parallel()
	view := resolvertest.New(t, netZone).Net()
	for want, budget := range map[spf.Result]*resolver.Budget{
		spf.PermError: resolver.NewBudget(100, 100),
		spf.TempError: resolver.NewBudget(100, 1),
	} {
		ctx := resolver.WithBudget(t.Context(), budget)
		got, err := spf.CheckHostWithSender(net.ParseIP("192.0.2.9"), "helo.test", "ann@nodata.example", spf.WithContext(ctx), spf.WithResolver(view))
		assert.Equal(t, want, got, "%v", err)
	}
}

// TestDMARCLibrary looks up policies with a library that looks at the type of errors.
func TestDMARCLibrary(t *testing.T) {
	t.Parallel()
	view := resolvertest.New(t, netZone, resolvertest.Fail("fail.example")).Net()
	opts := dmarc.LookupOptions{LookupTXT: func(name string) ([]string, error) { return view.LookupTXT(t.Context(), name) }}
	record, err := dmarc.LookupWithOptions("a.example", &opts)
	require.NoError(t, err)
	assert.EqualValues(t, dmarc.PolicyReject, record.Policy)
	_, err = dmarc.LookupWithOptions("mx.example", &opts)
	require.ErrorIs(t, err, dmarc.ErrNoPolicy)
	_, err = dmarc.LookupWithOptions("fail.example", &opts)
	assert.True(t, dmarc.IsTempFail(err), "%v", err)
}

func TestNetAnswers(t *testing.T) {
	t.Parallel()
	view, ctx := resolvertest.New(t, netZone).Net(), t.Context()
	texts, err := view.LookupTXT(ctx, "a.example")
	require.NoError(t, err)
	assert.Equal(t, []string{"v=spf1 a -all"}, texts)
	texts[0] = "changed"
	texts, err = view.LookupTXT(ctx, "A.example.")
	require.NoError(t, err)
	assert.Equal(t, []string{"v=spf1 a -all"}, texts, "the cache keeps its own")
	mxs, err := view.LookupMX(ctx, "mx.example")
	require.NoError(t, err)
	assert.Equal(t, []*net.MX{{Host: "a.example.", Pref: 10}, {Host: "six.example.", Pref: 20}}, mxs)
	mxs, err = view.LookupMX(ctx, "null.example")
	require.NoError(t, err)
	assert.Equal(t, []*net.MX{{Host: "."}}, mxs)
	both, err := view.LookupIPAddr(ctx, "a.example")
	require.NoError(t, err)
	assert.Equal(t, []net.IPAddr{{IP: net.IP{192, 0, 2, 1}}, {IP: net.ParseIP("2001:db8::1")}}, both)
	for network, want := range map[string]string{"ip4": "192.0.2.1", "ip6": "2001:db8::1"} {
		addrs, err := view.LookupNetIP(ctx, network, "a.example")
		require.NoError(t, err)
		assert.Equal(t, []netip.Addr{netip.MustParseAddr(want)}, addrs)
	}
	_, err = view.LookupNetIP(ctx, "tcp", "a.example")
	require.ErrorIs(t, err, net.UnknownNetworkError("tcp"))
	names, err := view.LookupAddr(ctx, "::ffff:192.0.2.1")
	require.NoError(t, err)
	assert.Equal(t, []string{"a.example."}, names)
}

// TestNetErrors looks at the type of the errors, as libraries do that know nothing of
// errors.As.
func TestNetErrors(t *testing.T) {
	t.Parallel()
	view := resolvertest.NewConfig(t, resolver.Config{Timeout: brief}, netZone, resolvertest.Fail("fail.example"), resolvertest.Silent("slow.example")).Net()
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errStopped)
	late, end := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer end()
	spent := resolver.WithBudget(t.Context(), resolver.NewBudget(0, 0))
	type class struct{ notFound, temporary, timeout bool }
	for name, tt := range map[string]struct {
		ctx   context.Context
		host  string
		kind  error
		class class
	}{
		"no such name":  {t.Context(), "no.test", resolver.ErrNXDomain, class{notFound: true}},
		"no data":       {t.Context(), "below.void.example", resolver.ErrNoData, class{notFound: true}},
		"no name":       {t.Context(), "a..example", resolver.ErrName, class{notFound: true}},
		"SERVFAIL":      {t.Context(), "fail.example", resolver.ErrServer, class{temporary: true}},
		"silence":       {t.Context(), "slow.example", resolver.ErrServer, class{temporary: true, timeout: true}},
		"a budget":      {spent, "a.example", resolver.ErrBudget, class{}},
		"an end":        {stopped, "a.example", errStopped, class{temporary: true}},
		"a deadline":    {late, "a.example", context.DeadlineExceeded, class{temporary: true, timeout: true}},
		"not an answer": {t.Context(), "192.0.2.1", resolver.ErrNXDomain, class{notFound: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, txt := view.LookupTXT(tt.ctx, tt.host)
			_, mx := view.LookupMX(tt.ctx, tt.host)
			_, ip := view.LookupIPAddr(tt.ctx, tt.host)
			for _, err := range []error{txt, mx, ip} {
				plain, ok := err.(*net.DNSError) //nolint:errorlint // as libraries do
				require.True(t, ok, "%T", err)
				got := class{plain.IsNotFound, plain.IsTemporary, plain.IsTimeout}
				assert.Equal(t, tt.class, got, "%v", err)
				assert.Equal(t, tt.host, plain.Name)
				assert.ErrorIs(t, err, tt.kind)
			}
		})
	}
	_, err := view.LookupAddr(t.Context(), "mx.example")
	require.ErrorIs(t, err, resolver.ErrName)
	_, err = view.LookupAddr(t.Context(), "192.0.2.99")
	require.ErrorIs(t, err, resolver.ErrNXDomain)
}

var errStopped = errors.New("stopped")

// TestNetHalf looks up addresses where the server fails for one version only. The view
// returns no half of an answer.
func TestNetHalf(t *testing.T) {
	t.Parallel()
	for _, failing := range []resolver.Type{resolver.TypeA, resolver.TypeAAAA} {
		s := serve(t, failFor(t, failing))
		_, err := asking(t, s.address).Net().LookupIPAddr(t.Context(), "a.test")
		require.ErrorIs(t, err, resolver.ErrServer)
		assert.ErrorContains(t, err, "SERVFAIL")
	}
}

// failFor answers SERVFAIL for records of a type, and has an address of the other version.
func failFor(t testing.TB, failing resolver.Type) dns.HandlerFunc {
	t.Helper()
	good, bad := zone(t, "a.test. A 192.0.2.1", "a.test. AAAA 2001:db8::1"), code(dns.RcodeServerFailure)
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Qtype == uint16(failing) {
			bad(w, q)
			return
		}
		good(w, q)
	}
}
