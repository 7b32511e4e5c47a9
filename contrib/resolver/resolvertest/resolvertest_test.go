package resolvertest_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

const testZone = `
	$ORIGIN example.org.
	@        TXT   "one " "text"
	@        TXT   "another"
	@        MX    10 Mail
	Mail     A     192.0.2.1
	alias    CNAME mail
	lost     CNAME nowhere
	loop     CNAME loop
	toBroken CNAME x.broken
	x.broken A     192.0.2.2
	_a.deep  TXT   "x"
	a\ b      A     192.0.2.1
	c\064d    A     192.0.2.1
	1.2.0.192.in-addr.arpa. PTR mail
`

// resolvers are the two ways to a zone.
func resolvers(t *testing.T, text string, opts ...resolvertest.Option) map[string]*resolver.Resolver {
	t.Helper()
	sockets, err := resolver.New(resolver.Config{Servers: []string{resolvertest.Listen(t, text, opts...)}, Timeout: time.Minute})
	require.NoError(t, err)
	return map[string]*resolver.Resolver{"in memory": resolvertest.New(t, text, opts...), "sockets": sockets}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for way, r := range resolvers(t, testZone, resolvertest.Fail("Broken.example.org")) {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			texts, err := r.LookupTXT(t.Context(), "EXAMPLE.org.")
			require.NoError(t, err)
			assert.Equal(t, []string{"one text", "another"}, texts)
			mxs, err := r.LookupMX(t.Context(), "example.org")
			require.NoError(t, err)
			assert.Equal(t, []resolver.MX{{Host: "mail.example.org", Preference: 10}}, mxs)
			for _, name := range []string{"alias.example.org", "a b.example.org", "c@d.example.org"} {
				addrs, err := r.LookupA(t.Context(), name)
				require.NoError(t, err)
				assert.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.1")}, addrs)
			}
			names, err := r.LookupPTR(t.Context(), netip.MustParseAddr("192.0.2.1"))
			require.NoError(t, err)
			assert.Equal(t, []string{"mail.example.org"}, names)
			for name, want := range map[string]error{
				"none.example.org": resolver.ErrNXDomain, "example.com": resolver.ErrNXDomain, "lost.example.org": resolver.ErrNXDomain,
				"mail.example.org": resolver.ErrNoData, "deep.example.org": resolver.ErrNoData, "org": resolver.ErrNoData,
				"broken.example.org": resolver.ErrServer, "x.broken.example.org": resolver.ErrServer,
				"toBroken.example.org": resolver.ErrServer, "loop.example.org": resolver.ErrServer,
			} {
				_, err := r.LookupTXT(t.Context(), name)
				assert.ErrorIs(t, err, want, name)
			}
		})
	}
}

// TestLarge looks up records that do not fit into a packet of UDP, and so come over TCP.
func TestLarge(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 200)
	for way, r := range resolvers(t, fmt.Sprintf("example.org. TXT %q", text)) {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			texts, err := r.LookupTXT(t.Context(), "example.org")
			require.NoError(t, err)
			assert.Equal(t, []string{text}, texts)
		})
	}
}

// TestSilent looks up names without an answer. A bubble needs no real time for that.
func TestSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := resolvertest.NewConfig(t, resolver.Config{Timeout: 7 * time.Second}, testZone, resolvertest.Silent("example.com"))
		start := time.Now()
		_, err := r.LookupTXT(t.Context(), "a.example.com")
		require.ErrorIs(t, err, resolver.ErrServer)
		assert.Equal(t, 7*time.Second, time.Since(start))
		_, err = r.LookupTXT(t.Context(), "example.org")
		assert.NoError(t, err)
	})
}

// TestMistakes creates resolvers for zones that are none, and for limits that are none.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		create func(t resolvertest.T)
		says   string
	}{
		"an address": {func(t resolvertest.T) { resolvertest.New(t, "example.org. A mail") }, "resolvertest: dns: bad A A: \"mail\" at line: 1"},
		"a name":     {func(t resolvertest.T) { resolvertest.Listen(t, "example.org. A 192.0.2.1\na..b. A 192.0.2.1") }, "at line: 2"},
		"a limit":    {func(t resolvertest.T) { resolvertest.NewConfig(t, resolver.Config{MaxNames: -1}, "") }, "resolver: a time or a limit is negative"},
	} {
		failing := &failures{}
		assert.PanicsWithValue(t, failing, func() { tt.create(failing) }, name)
		assert.Contains(t, failing.text, tt.says, name)
	}
}

// failures is a test that fails.
type failures struct{ text string }

func (*failures) Helper()                             {}
func (*failures) Cleanup(func())                      {}
func (f *failures) Errorf(format string, args ...any) { f.text += fmt.Sprintf(format, args...) }
func (f *failures) FailNow()                          { panic(f) }
