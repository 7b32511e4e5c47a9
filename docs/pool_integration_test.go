//go:build integration

package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestPool runs the pool of the how-to, with sluiced and with headerd: HAProxy has the page's
// configuration, and Postfix is behind it. A second Postfix is the SMTP client, so that a
// deferred message is sent again as a mail server does it.
func TestPool(t *testing.T) {
	t.Parallel()
	sink := realmta.StartSink(t)
	server := realmta.StartPostfix(t, realmta.PostfixConfig{Sink: sink})
	host, port, err := net.SplitHostPort(server.Addr())
	require.NoError(t, err)
	next := fmt.Sprintf("smtp:[%s]:%s", host, port)
	client := realmta.StartPostfix(t, realmta.PostfixConfig{Sink: sink, Main: map[string]string{
		"relay_transport": next, "default_transport": next, "smtp_connection_cache_on_demand": "no",
		"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s",
		"default_destination_concurrency_failed_cohort_limit": "0",
	}})
	for i, daemon := range []string{"sluiced", "headerd"} {
		t.Run(daemon, func(t *testing.T) {
			p := newPool(t, daemon, i)
			server.Reconfigure(t, map[string]string{"smtpd_milters": p.milters})
			traffic := &traffic{client: client, sink: sink, name: daemon}
			p.admits(t)
			t.Run("checks", p.checks)
			t.Run("kill", func(t *testing.T) { p.kill(t, server, traffic) })
			t.Run("drain", func(t *testing.T) { p.drain(t, traffic) })
			p.logs(t)
		})
	}
}

// admits shows that the filters decide about the mail server that HAProxy announces.
func (p *pool) admits(t *testing.T) {
	t.Helper()
	conn, err := p.dial(t, stranger)
	require.Error(t, err, "a mail server that is not in the list, through HAProxy that may connect")
	require.NoError(t, conn.Close())
	refused := func() int {
		return p.filters[0].Stderr.Count(`msg="MTA connection refused" peer=`+stranger) + p.filters[1].Stderr.Count(`msg="MTA connection refused" peer=`+stranger)
	}
	require.Eventually(t, func() bool { return refused() == 1 }, patience, tick)
	if p.daemon != "sluiced" {
		return // the other daemons have no limit for a peer
	}
	var open []*mta.Conn
	for range 2 * maxPerPeer {
		conn, err := p.dial(t, secondMX)
		require.NoError(t, err)
		open = append(open, conn)
	}
	over, err := p.dial(t, secondMX)
	require.NoError(t, err)
	assert.Equal(t, "SMFIR_TEMPFAIL", sent(t, over), "max_per_peer counts the mail server")
	first, err := p.dial(t, firstMX)
	require.NoError(t, err)
	assert.Equal(t, "marked", sent(t, first), "it does not count HAProxy")
	for _, conn := range append(open, over, first) {
		require.NoError(t, conn.Close())
	}
}

// sent sends a message and says what became of it.
func sent(t *testing.T, conn *mta.Conn) string {
	t.Helper()
	outcome, err := conn.Send(t.Context(), &mta.Message{Header: []mta.Field{{Name: "From", Value: " ann@example.org"}}, Body: []byte("text\r\n")})
	require.NoError(t, err)
	if outcome.Edited != nil && bytes.Contains(outcome.Edited.Bytes(), []byte(mark)) {
		return "marked"
	}
	return outcome.Verdict.String()
}

// checks shows that HAProxy's health checks write lines at the level debug alone. The first
// filter logs these lines, and the second does not.
func (p *pool) checks(t *testing.T) {
	about := "peer=" + p.balancer + ":"
	before, quiet := p.filters[0].Stderr.Count(about), p.filters[1].Stderr.String()
	require.Eventually(t, func() bool { return p.filters[0].Stderr.Count(about) >= before+5 }, patience, tick)
	assert.Equal(t, quiet, p.filters[1].Stderr.String())
}

// kill kills one filter while mail goes through the pool. Each message arrives once, and a
// filter has marked it. The filter gets mail again when it is back.
func (p *pool) kill(t *testing.T, server *realmta.Postfix, traffic *traffic) {
	t.Helper()
	p.awaitIdle(t, "filter1")
	p.awaitIdle(t, "filter2")
	var held []*realmta.Client
	for range 4 { // two of them at each filter
		c := realmta.DialSMTP(t, server.Addr())
		defer c.Close()
		for _, line := range []string{"EHLO client.example.org", "MAIL FROM:<held@example.org>", "RCPT TO:<held@example.test>"} {
			code, text := c.Cmd(line)
			require.Equal(t, 250, code, text)
		}
		held = append(held, c)
	}
	traffic.start(t)
	traffic.sink.Wait(t, 4*batchSize)
	p.filters[0].Kill()
	accepted := 0
	for _, c := range held {
		switch code, text := c.Data([]byte("Subject: held\r\n\r\ntext\r\n")); code / 100 {
		case 2:
			accepted++
		default:
			assert.Equal(t, 4, code/100, "%d %s", code, text)
		}
	}
	assert.Equal(t, 2, accepted, "the messages of the killed filter are deferred")
	p.awaitState(t, "filter1", "DOWN")
	traffic.sink.Wait(t, len(traffic.sink.Delivered())+batchSize)
	p.start(0)
	p.awaitState(t, "filter1", "UP")
	traffic.sending.Wait()
	traffic.batch(t)
	p.filters[0].Await(t, "peer="+firstMX+":")
	traffic.allArrived(t, accepted)
}

// drain stops one filter while mail goes through the pool. HAProxy is told first, with the
// commands of the page, and no message is deferred.
func (p *pool) drain(t *testing.T, traffic *traffic) {
	t.Helper()
	commands := regexp.MustCompile(`\$ echo "([^"]+)"`).FindAllStringSubmatch(p.page, -1)
	require.Len(t, commands, 3, "drain, look, ready")
	stop := traffic.start(t)
	traffic.sink.Wait(t, 2*batchSize)
	p.admin(t, commands[0][1])
	assert.Equal(t, showSessions, commands[1][1])
	p.awaitIdle(t, "filter1")
	p.filters[0].Signal(t, syscall.SIGTERM)
	require.NoError(t, p.filters[0].Wait(t))
	traffic.sink.Wait(t, len(traffic.sink.Delivered())+batchSize)
	p.start(0)
	p.awaitState(t, "filter1", "DRAIN")
	p.admin(t, commands[2][1])
	p.awaitState(t, "filter1", "UP")
	stop()
	traffic.batch(t)
	p.filters[0].Await(t, "peer="+firstMX+":")
	traffic.allArrived(t, 0)
	assert.Zero(t, traffic.deferred(), "no message is deferred")
}

// logs shows that each peer in the logs is a mail server. A line at the level debug may be
// about a health check, whose peer is HAProxy.
func (p *pool) logs(t *testing.T) {
	t.Helper()
	for _, f := range p.all {
		for line := range strings.Lines(f.Stderr.String()) {
			if !strings.Contains(line, "level=DEBUG") {
				assert.NotContains(t, line, p.balancer, line)
			}
		}
	}
}

// traffic is mail from smtp-source, which reaches the pool by way of a mail server.
type traffic struct {
	client *realmta.Postfix
	sink   *realmta.Sink
	name   string

	batches int // that were sent so far
	begun   int // of these, those before start
	failed  int // attempts that were deferred before start
	sending sync.WaitGroup
}

const (
	// batchSize is the number of messages of one call of smtp-source.
	batchSize = 15
	// maxBatches is the number of batches that start sends, unless it is stopped.
	maxBatches = 14
)

// batch sends messages in five sessions at once. Each has a recipient of its own.
func (m *traffic) batch(t *testing.T) {
	t.Helper()
	m.batches++
	// Before the @, smtp-source adds a number: in front or, since Postfix 3.11, behind.
	to := fmt.Sprintf("b%d-@%s.example.test", m.batches, m.name)
	out, err := m.client.Command(context.WithoutCancel(t.Context()), "smtp-source", "-s", "5", "-m", strconv.Itoa(batchSize), "-N", "-l", "2000",
		"-f", "sender@example.org", "-t", to, m.client.Addr()).CombinedOutput()
	assert.NoError(t, err, string(out))
}

// start sends batches, and returns a function that ends this.
func (m *traffic) start(t *testing.T) (stop func()) {
	t.Helper()
	m.sink.Reset()
	m.begun, m.failed = m.batches, strings.Count(m.client.Log(), "status=deferred")
	ctx, cancel := context.WithCancel(t.Context())
	m.sending.Go(func() {
		for range maxBatches {
			if ctx.Err() != nil {
				return
			}
			m.batch(t)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); m.sending.Wait() })
	t.Cleanup(stop) // if the test fails
	return stop
}

// allArrived waits for each message since start, and for others that the test has sent.
func (m *traffic) allArrived(t *testing.T, others int) {
	t.Helper()
	n := (m.batches - m.begun) * batchSize
	seen := make(map[string]int)
	for _, d := range m.sink.Wait(t, n+others) {
		assert.Equal(t, 1, bytes.Count(d.Data, []byte(mark)), "one filter marks a message: %s", d.Data)
		require.Len(t, d.To, 1)
		seen[d.To[0]]++
	}
	assert.Equal(t, others, seen["held@example.test"])
	delete(seen, "held@example.test")
	assert.Len(t, seen, n)
	for to, times := range seen {
		assert.Equal(t, 1, times, to)
	}
	t.Logf("%d messages, %d deferred attempts", n+others, m.deferred())
}

// deferred returns how often a message was deferred since start.
func (m *traffic) deferred() int { return strings.Count(m.client.Log(), "status=deferred") - m.failed }
