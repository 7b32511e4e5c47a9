//go:build integration

package realdns_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/realdns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func resolverOf(t *testing.T, s *realdns.Server) *resolver.Resolver {
	t.Helper()
	r, err := resolver.New(resolver.Config{Servers: []string{s.Addr()}, Timeout: 10 * time.Second})
	require.NoError(t, err)
	return r
}

// TestAnswers looks up records, and names of all kinds that have none.
func TestAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 15)
	s := realdns.Start(t, realdns.Zone{
		Text: fmt.Sprintf(`
			example.org.        TXT   "v=spf1 " "mx -all"
			example.org.        MX    10 Mail.example.org.
			mail.example.org.   A     192.0.2.1
			mail.example.org.   AAAA  2001:db8::1
			alias.example.org.  CNAME mail.example.org.
			long.example.org.   TXT   %[1]q %[1]q %[1]q %[1]q %[1]q %[1]q %[1]q %[1]q
			*.wild.example.org. TXT   "any"
			_a.deep.example.org. TXT  "x"
			1.2.0.192.in-addr.arpa. PTR mail.example.org.
		`, long),
		Dead: []string{"broken.example.org", "dead.example."},
	})
	r := resolverOf(t, s)
	for _, tt := range []struct {
		name string
		kind resolver.Type
		want string
		err  error
	}{
		{"Example.org", resolver.TypeTXT, `"v=spf1 mx -all"`, nil},
		{"example.org", resolver.TypeMX, "10 mail.example.org", nil},
		{"mail.example.org", resolver.TypeAAAA, "2001:db8::1", nil},
		{"alias.example.org", resolver.TypeA, "192.0.2.1", nil},
		{"x.wild.example.org", resolver.TypeTXT, `"any"`, nil},
		{"1.2.0.192.in-addr.arpa", resolver.TypePTR, "mail.example.org", nil},
		{"deep.example.org", resolver.TypeTXT, "", resolver.ErrNoData},
		{"mail.example.org", resolver.TypeTXT, "", resolver.ErrNoData},
		{"none.example.org", resolver.TypeTXT, "", resolver.ErrNXDomain},
		{"example.com", resolver.TypeA, "", resolver.ErrNXDomain},
		{"broken.example.org", resolver.TypeTXT, "", resolver.ErrServer},
		{"a.b.dead.example", resolver.TypeTXT, "", resolver.ErrServer},
	} {
		a, err := r.Lookup(t.Context(), tt.name, tt.kind)
		require.ErrorIs(t, err, tt.err, tt.name)
		if tt.err == nil {
			assert.Equal(t, tt.want, resolver.Lookup{Answer: a}.Outcome(), tt.name)
		}
	}
	texts, err := r.LookupTXT(t.Context(), "long.example.org")
	require.NoError(t, err)
	assert.Equal(t, []string{strings.Repeat(long, 8)}, texts, "by TCP")
}

// TestStopAndRestart stops the server and starts it again on the same port.
func TestStopAndRestart(t *testing.T) {
	t.Parallel()
	s := realdns.Start(t, realdns.Zone{Text: `example.org. TXT "x"`, TTL: 60, MinTTL: 1})
	addr := s.Addr()
	s.Stop(t)
	s.Stop(t)
	_, err := resolverOf(t, s).LookupTXT(t.Context(), "example.org")
	require.ErrorIs(t, err, resolver.ErrServer)
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err, "the port is free")
	require.NoError(t, ln.Close())
	s.Restart(t)
	assert.Equal(t, addr, s.Addr())
	texts, err := resolverOf(t, s).LookupTXT(t.Context(), "example.org")
	require.NoError(t, err)
	assert.Equal(t, []string{"x"}, texts)
}

// failing is a test that fails.
type failing struct {
	*testing.T
	text string
}

func (f *failing) Errorf(format string, args ...any) { f.text += fmt.Sprintf(format, args...) }
func (f *failing) FailNow()                          { panic(f) }

// TestMistake starts a server for a zone that is none.
func TestMistake(t *testing.T) {
	t.Parallel()
	f := &failing{T: t}
	assert.PanicsWithValue(t, f, func() { realdns.Start(f, realdns.Zone{Text: "example.org. A mail"}) })
	assert.Contains(t, f.text, "realdns: the zone, as NSD reads it")
}
