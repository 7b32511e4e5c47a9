package nameserver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/nameserver"
)

const local = "127.0.0.1:0"

func start(t *testing.T, text string) *nameserver.Server {
	t.Helper()
	s, err := nameserver.Start(local, text)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func ask(t *testing.T, s *nameserver.Server, network, name string, kind uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, kind)
	m, _, err := (&dns.Client{Net: network}).Exchange(q, s.Address())
	require.NoError(t, err)
	return m
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, "a.b.example. TXT \"hello\"\na.b.example. A 192.0.2.1\n")
	for name, c := range map[string]struct {
		name    string
		kind    uint16
		rcode   int
		answers int
	}{
		"a record":           {"A.b.example.", dns.TypeTXT, dns.RcodeSuccess, 1},
		"another type":       {"a.b.example.", dns.TypeMX, dns.RcodeSuccess, 0},
		"a name above":       {"b.example.", dns.TypeTXT, dns.RcodeSuccess, 0},
		"no such name":       {"c.b.example.", dns.TypeTXT, dns.RcodeNameError, 0},
		"no such top domain": {"example.org.", dns.TypeTXT, dns.RcodeNameError, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, network := range []string{"udp", "tcp"} {
				m := ask(t, s, network, c.name, c.kind)
				assert.Equal(t, c.rcode, m.Rcode)
				require.Len(t, m.Answer, c.answers)
				if c.answers == 0 {
					require.Len(t, m.Ns, 1)
					assert.Equal(t, dns.TypeSOA, m.Ns[0].Header().Rrtype)
				}
			}
		})
	}
}

// TestLargeAnswer checks that a client without EDNS is sent to TCP.
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	part := `"` + strings.Repeat("x", 250) + `" `
	s := start(t, "a.example. TXT "+strings.Repeat(part, 3)+"\n")
	assert.True(t, ask(t, s, "udp", "a.example.", dns.TypeTXT).Truncated)
	assert.Len(t, ask(t, s, "tcp", "a.example.", dns.TypeTXT).Answer, 1)
	q := new(dns.Msg).SetQuestion("a.example.", dns.TypeTXT).SetEdns0(4096, false)
	m, _, err := new(dns.Client).Exchange(q, s.Address())
	require.NoError(t, err)
	assert.False(t, m.Truncated)
	assert.NotNil(t, m.IsEdns0())
}

func TestTake(t *testing.T) {
	t.Parallel()
	s := start(t, "a.example. TXT x\n")
	ask(t, s, "udp", "a.example.", dns.TypeTXT)
	ask(t, s, "tcp", "A.example.", dns.TypeTXT)
	ask(t, s, "udp", "a.example.", dns.TypeMX)
	assert.Equal(t, map[string]int{"a.example TXT": 2, "a.example MX": 1}, s.Take())
	assert.Empty(t, s.Take())
}

func TestSilence(t *testing.T) {
	t.Parallel()
	s := start(t, "a.example. TXT x\n")
	s.Silence()
	q := new(dns.Msg).SetQuestion("a.example.", dns.TypeTXT)
	_, _, err := (&dns.Client{Timeout: 50 * time.Millisecond}).Exchange(q, s.Address())
	require.ErrorContains(t, err, "timeout")
	var got map[string]int
	require.Eventually(t, func() bool { // the server may see the query after the client has given up
		got = s.Take()
		return len(got) > 0
	}, time.Minute, time.Millisecond)
	assert.Equal(t, map[string]int{"a.example TXT": 1}, got)
}

func TestStartReportsMistakes(t *testing.T) {
	t.Parallel()
	_, err := nameserver.Start(local, "a.example. A nowhere\n")
	require.Error(t, err)
	_, err = nameserver.Start("192.0.2.1:0", "")
	require.Error(t, err)
	s := start(t, "")
	_, err = nameserver.Start(s.Address(), "")
	require.ErrorContains(t, err, "address already in use")
}
