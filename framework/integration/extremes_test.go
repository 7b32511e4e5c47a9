//go:build integration

package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// The timeout and the interval of waits in these tests.
const (
	limit = time.Minute
	tick  = 10 * time.Millisecond
)

// measurer is a filter that adds a field with the sizes of what it saw.
type measurer struct{}

type sizes struct{ rcpts, field, body int }

func (measurer) Name() string { return "measurer" }

func (measurer) Register(r *framework.Router) error {
	add, envelope, list := r.GrantAddHeader(), r.WantEnvelope(), r.WantHeaders()
	seen := framework.PerMessage[sizes](r)
	r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
		seen.Get(s).rcpts++
		return framework.Continue, nil
	})
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		seen.Get(s).field = max(seen.Get(s).field, len(h.Value()))
		return nil
	})
	r.ObserveBody(func(s *framework.Session, b *framework.Body) error {
		seen.Get(s).body += len(b.Chunk())
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		n := seen.Get(s)
		kept := 0
		for f := range list.All(s) {
			kept = max(kept, len(f.Value))
		}
		return framework.Continue, add.Append(s, "X-Sizes",
			fmt.Sprintf("%d/%d recipients, field %d/%d, body %d", n.rcpts, len(envelope.Recipients(s)), n.field, kept, n.body))
	})
	return nil
}

// TestExtremes sends large messages over both networks.
func TestExtremes(t *testing.T) {
	t.Parallel()
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("r%d@example.test", i)
	}
	body := strings.Repeat(strings.Repeat("b", 62)+"\r\n", 1<<15)
	tests := []struct {
		name, header, body string
		to                 []string
		want               string
	}{
		{"a long field", "X-Long: " + strings.Repeat("x", 2000) + "\r\n", "", many[:1], "1/1 recipients, field 2000/2000, body 0"},
		{"1,000 fields", strings.Repeat("A: b\r\n", 1000), "", many[:1], "1/1 recipients, field 1/1, body 0"},
		{"1,000 recipients", "A: b\r\n", "x\r\n", many, "1000/1000 recipients, field 1/1, body 3"},
		{"a body of 2 MiB", "A: b\r\n", body, many[:1], "1/1 recipients, field 1/1, body 2097152"},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, network := range networks() {
				g := openGate(t, mta, network)
				mta.SetFilters(t, g.Addr())
				serveFilter(t, g, measurer{})
				c := dial(t, mta)
				for _, tt := range tests {
					mta.Sink().Reset()
					code, text := c.Deliver(realmta.Message{From: "a@example.org", To: tt.to, Data: []byte(tt.header + "\r\n" + tt.body)})
					require.Equal(t, 250, code, "%s: %s", tt.name, text)
					got := mta.Sink().Wait(t, 1)[0]
					want := tt.header + "X-Sizes: " + tt.want + "\r\n\r\n" + tt.body
					assert.True(t, bytes.Equal([]byte(want), got.WithoutTrace()), "%s: %s", tt.name, clip(string(got.WithoutTrace())))
					assert.ElementsMatch(t, tt.to, got.To, tt.name)
				}
			}
		})
	}
}

// TestLongField sends a field of 100,000 bytes. With a filter, Postfix cuts it
// to 60,000 bytes including name and colon. Without a filter, Postfix delivers
// the whole field. The test omits Sendmail, which cuts every line of a field.
func TestLongField(t *testing.T) {
	t.Parallel()
	const shown = 60_000 - len("X-Long: ")
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	field := "X-Long: " + strings.Repeat("x", 100_000)
	letter := realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(field + "\r\nA: b\r\n\r\n")}
	whole := string(delivered(t, mta, letter).WithoutTrace())
	assert.True(t, strings.HasPrefix(whole, field+"\r\n"), "%d bytes without a filter", len(whole))

	mta.Sink().Reset()
	g := openGate(t, mta, "unix")
	mta.SetFilters(t, g.Addr())
	serveFilter(t, g, measurer{})
	cut := delivered(t, mta, letter).WithoutTrace()
	want := field[:60_000] + "\r\nA: b\r\nX-Sizes: 1/1 recipients, field " + strconv.Itoa(shown) + "/" + strconv.Itoa(shown) + ", body 0\r\n\r\n"
	assert.True(t, bytes.Equal([]byte(want), cut), "%d bytes, %s", len(cut), clip(string(cut)))
}

// TestClientLeaves disconnects clients at every point of a message. The filter
// is informed of each, and the next client is served.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	commands := []string{"MAIL FROM:<a@example.org>", "RCPT TO:<b@example.test>", "DATA"}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "unix")
			for n := range len(commands) + 1 {
				d := new(diary)
				serveFilter(t, g, d)
				c := dial(t, mta)
				for _, line := range commands[:n] {
					c.Cmd(line)
				}
				if n == len(commands) {
					require.NoError(t, c.Send([]byte("A: b\r\n\r\nhalf a mess")))
				}
				c.Close()
				assert.Eventually(t, func() bool { return strings.HasSuffix(d.text(), "close") }, limit, tick)
				want := []string{"connect, helo, close", "mail, abort, close", "rcpt, abort, close", "data, abort, close"}[n]
				assert.True(t, strings.HasSuffix(d.text(), want), "%d: %s", n, d.text())
				exchange(t, mta, "\r\nX-Diary: seen\r\n")
			}
		})
	}
}

// TestRestarts makes Postfix reload its configuration and lose a process
// between the messages of one filter.
func TestRestarts(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{"service_throttle_time": "1s"}})
	g := openGate(t, mta, "unix")
	mta.SetFilters(t, g.Addr())
	d := new(diary)
	serveFilter(t, g, d)
	letter := realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(simple)}
	open := dial(t, mta)
	for round := range 3 {
		mta.Reconfigure(t, map[string]string{"smtpd_banner": "round " + strconv.Itoa(round)})
		for _, c := range []*realmta.Client{open, dial(t, mta)} {
			code, text := c.Deliver(letter)
			require.Equal(t, 250, code, text)
		}
	}
	t.Run("smtpd is killed", func(t *testing.T) {
		code, text := open.Cmd("MAIL FROM:<a@example.org>")
		require.Equal(t, 250, code, text)
		before := strings.Count(d.text(), "close")
		require.NoError(t, syscall.Kill(firstSmtpd(t, mta), syscall.SIGKILL))
		assert.Eventually(t, func() bool { return strings.Count(d.text(), "close") > before }, limit, tick)
		assert.True(t, strings.HasSuffix(d.text(), "mail, abort, close"), d.text())
		code, text = dial(t, mta).Deliver(letter)
		require.Equal(t, 250, code, text)
	})
	for _, got := range mta.Sink().Wait(t, 7) {
		assert.Contains(t, string(got.Data), "\r\nX-Diary: seen\r\n")
	}
}

// firstSmtpd returns the ID of the process that serves the first client. It
// must be a process of the MTA under test.
func firstSmtpd(t *testing.T, mta *realmta.Postfix) int {
	t.Helper()
	found := regexp.MustCompile(`postfix/smtpd\[(\d+)\]: connect from`).FindStringSubmatch(mta.Log())
	require.NotNil(t, found)
	environ, err := os.ReadFile("/proc/" + found[1] + "/environ")
	require.NoError(t, err)
	require.Contains(t, string(environ), mta.ConfigDir())
	pid, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return pid
}
