//go:build integration

package realdns_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/realdns"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func resolverOf(t *testing.T, s *realdns.Server) *resolver.Resolver {
	t.Helper()
	r, err := resolver.New(resolver.Config{Servers: []string{s.Addr()}, Timeout: time.Minute})
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

// killed is the variable of the environment that makes TestEndsWithACrash wait to be killed.
const killed = "REALDNS_TEST_KILLED"

// TestEndsWithACrash kills a test, which runs as another process, and waits for the end of its
// server.
func TestEndsWithACrash(t *testing.T) {
	t.Parallel()
	if os.Getenv(killed) != "" {
		s := realdns.Start(t, realdns.Zone{})
		_, _ = os.Stdout.WriteString("\naddress " + s.Addr() + "\n")
		time.Sleep(time.Minute)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestEndsWithACrash$")
	cmd.Env = append(os.Environ(), killed+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	text, buf := "", make([]byte, 1000)
	for !strings.Contains(text, "address ") || !strings.HasSuffix(text, "\n") {
		n, err := out.Read(buf)
		require.NoError(t, err, text)
		text += string(buf[:n])
	}
	_, addr, _ := strings.Cut(strings.TrimSpace(text), "address ")
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	_ = conn.Close()
	require.NoError(t, cmd.Process.Kill())
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	assert.Eventually(t, func() bool {
		ln, err := net.Listen("tcp", addr)
		if err == nil {
			_ = ln.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond, "the port is free")
}

func Example() {
	t := miltertest.ExampleT(os.Stdout) // in a test, its *testing.T
	defer t.Finish()
	dns := realdns.Start(t, realdns.Zone{
		Text: `example.org. TXT "v=spf1 mx -all"`,
		Dead: []string{"broken.example"},
	})
	r, err := resolver.New(resolver.Config{Servers: []string{dns.Addr()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.LookupTXT(context.Background(), "example.org"))
	_, err = r.LookupTXT(context.Background(), "broken.example")
	fmt.Println(errors.Is(err, resolver.ErrServer))
	// Output:
	// [v=spf1 mx -all] <nil>
	// true
}
