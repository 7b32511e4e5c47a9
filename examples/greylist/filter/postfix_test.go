//go:build integration

package filter_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// book is a log that can be read while it is written.
type book struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was written.
func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// refusalLine is what the log says of a recipient that was refused.
const refusalLine = `"recipient":"<bob@example.test>",` +
	`"verdict":"reply 451 4.7.1 greylisted, please try again in a few minutes","code":451,"filter":"greylist","stage":"rcpt"`

// TestBehindPostfix sends from two servers in one network and from an unknown
// client. The delay is short, because Postfix cannot run with the fake clock of
// testing/synctest. On a busy machine two deliveries must still be possible in it.
func TestBehindPostfix(t *testing.T) {
	t.Parallel()
	const delay = 20 * time.Second
	r := rules()
	r.Delay = delay
	router := framework.NewRouter()
	router.Mount(newFilter(t, r))
	var log book
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
		"smtpd_authorized_xclient_hosts": "127.0.0.0/8", // these may set the client's address and login
		"smtpd_relay_restrictions":       "reject_unauth_destination",
		"inet_protocols":                 "all",
	}})
	ln := mta.Listen(t, "unix")
	realmta.Serve(t, ln, router, framework.Config{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	mta.SetFilters(t, ln.Addr())

	deliver := func(client, sender string) string {
		t.Helper()
		c := realmta.DialSMTP(t, mta.Addr())
		for _, line := range []string{"EHLO client.example.test", "XCLIENT " + client, "EHLO client.example.test"} {
			code, text := c.Cmd(line)
			require.Contains(t, []int{220, 250}, code, text)
		}
		code, text := c.Deliver(realmta.Message{
			From: sender, To: []string{"bob@example.test"}, Data: []byte("Subject: " + client + "\r\n\r\nhello\r\n"),
		})
		if code != 250 {
			assert.Equal(t, 451, code)
			assert.Contains(t, text, "4.7.1 greylisted")
			return "waits"
		}
		mta.Sink().Await(t, realmta.Containing(client))
		return "passes"
	}
	assert.Equal(t, "waits", deliver("ADDR=192.0.2.1", "ann@example.org"))
	assert.Equal(t, "waits", deliver("ADDR=192.0.2.1", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.1 LOGIN=ann", "ann@example.org"))
	assert.Equal(t, "waits", deliver("ADDR=IPV6:2001:db8::1", "ann@example.org"))
	assert.Equal(t, "waits", deliver("ADDR=192.0.2.1", ""))
	time.Sleep(delay)
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.2", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=IPV6:2001:db8::2", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.2", ""))
	assert.Equal(t, "waits", deliver("ADDR=198.51.100.1", "ann@example.org"))
	assert.Equal(t, "passes", deliver("ADDR=192.0.2.3", "ann@example.org"), "at once")
	assert.Eventually(t, func() bool { return strings.Count(log.String(), refusalLine) == 5 }, time.Minute, 10*time.Millisecond,
		"one line for each that waits")
}
