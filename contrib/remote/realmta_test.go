//go:build integration

package remote_test

import (
	"context"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire/mta"
)

// refused is a line at which some milters refuse a message.
const refused = "refuse this"

// long is a line that OpenDKIM's canonicalization and the MTA's buffers have to cope with.
var long = strings.Repeat("x", 900)

// letters draws messages with what filters stumble over: folds, spaces, forged results, 8-bit
// text, lines with dots, empty bodies.
func letters(seed uint64, n int, domains ...string) []string {
	rng := mrand.New(mrand.NewPCG(seed, 17))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	var all []string
	for i := range n {
		var b strings.Builder
		for range rng.IntN(4) {
			b.WriteString(pick("X-Forged: 1", "x-forged:  two", "X-Spam-Status: No, forged", "X-Virus-Scanned: forged",
				"Authentication-Results: od.example.net; dkim=pass header.d=strict.example", "Authentication-Results: od.example.net;\r\n\tdkim=fail",
				"Authentication-Results: other.example; spf=pass") + "\r\n")
		}
		fmt.Fprintf(&b, "From: Ann <ann@%s>\r\nMessage-ID: <%d.%d@example.org>\r\n", pick(domains...), seed, i)
		b.WriteString(pick("", "Subject: plain\r\n", "Subject:  two  spaces \r\n", "Subject: folded\r\n\tonce\r\n and again\r\n", "subject:none\r\n"))
		b.WriteString(pick("", "X-Forged: last\r\n", "X-Long: "+strings.Repeat("word ", 150)+"\r\n", "X-Empty:\r\n", "X-8bit: gr\xfc\xdfe\r\n"))
		b.WriteString("To: bob@example.test\r\n\r\n")
		for range rng.IntN(6) {
			b.WriteString(pick("hello\r\n", ".\r\n", "..dots\r\n", "\r\n", "spaces  \t \r\n", "gr\xc3\xbc\xc3\x9fe\r\n", long+"\r\n", refused+"\r\n"))
		}
		if rng.IntN(10) == 0 {
			b.WriteString(strings.Repeat("a line of a large body\r\n", 4000))
		}
		all = append(all, b.String())
	}
	return all
}

// signed matches what differs between two signatures of the same message.
var signed = regexp.MustCompile(`(?s)(\bt=)\d+|(\bb=)[A-Za-z0-9+/=\s]+(\r\n[^\s]|$)`)

// queueID matches the only part of Postfix's replies that differs between two messages.
var queueID = regexp.MustCompile(`queued as \S+`)

// submission is a message that was sent to a mail server.
type submission struct {
	to      string
	seen    string // what the client saw
	arrives bool
}

// submit sends a message to two recipients.
func submit(c *realmta.Client, to, data string) submission {
	var seen strings.Builder
	for _, line := range []string{"MAIL FROM:<ann@example.org> BODY=8BITMIME", "RCPT TO:<" + to + ">", "RCPT TO:<nobody@example.test>"} {
		code, text := c.Cmd(line)
		fmt.Fprintln(&seen, code, text)
	}
	code, text := c.Data([]byte(data))
	fmt.Fprintln(&seen, code, queueID.ReplaceAllString(text, "queued as …"))
	return submission{to, seen.String(), code == 250}
}

// outcome is what the client and the recipients see of a message, without the time of a
// signature and without the signature itself, which contains the time.
func (s *submission) outcome(got realmta.Delivered) string {
	if !s.arrives {
		return s.seen
	}
	header, body, _ := strings.Cut(string(got.WithoutTrace()), "\r\n\r\n")
	if strings.Contains(header, "DKIM-Signature:") {
		header = signed.ReplaceAllString(header, "$1$2…$3")
	}
	return fmt.Sprint(s.seen, got.From, got.FromArgs, got.To, got.ToArgs, "\n", header, "\r\n\r\n", body)
}

// arrived waits for the messages that the mail server accepted, and returns them by
// recipient.
func arrived(t *testing.T, p *realmta.Postfix, list []submission) map[string]realmta.Delivered {
	t.Helper()
	found, looked := make(map[string]realmta.Delivered), 0
	require.Eventually(t, func() bool {
		all := p.Sink().Delivered()
		for _, d := range all[looked:] {
			for _, to := range d.To {
				found[to] = d
			}
		}
		looked = len(all)
		return !slices.ContainsFunc(list, func(s submission) bool {
			_, ok := found[s.to]
			return s.arrives && !ok
		})
	}, 3*patience, 50*time.Millisecond, "not all messages that were accepted have arrived")
	return found
}

// asks makes the server ask other filters for each client: those whose addresses are given
// for the client's address, in their order.
func asks(t *testing.T, p *realmta.Postfix, filters map[string][]net.Addr) {
	t.Helper()
	var table []string
	for client, list := range filters {
		var milters []string
		for _, addr := range list {
			milters = append(milters, "unix:"+addr.String())
		}
		table = append(table, "{"+client+" = "+strings.Join(milters, ", ")+"}")
	}
	p.Reconfigure(t, map[string]string{"smtpd_milter_maps": "inline:{" + strings.Join(table, ", ") + "}"})
}

// listenFor serves filters at a socket of the mail server, and returns the address.
func listenFor(t *testing.T, p *realmta.Postfix, filters ...framework.Filter) net.Addr {
	t.Helper()
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	ln := p.Listen(t, "unix")
	realmta.Serve(t, ln, r, framework.Config{})
	return ln.Addr()
}

// startServer starts a mail server whose processes serve many clients, so that starting them
// takes no time.
func startServer(t *testing.T) *realmta.Postfix {
	t.Helper()
	return realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{"realmta_max_use": "1000", "smtpd_peername_lookup": "no"}})
}

// comparison is a milter that one mail server asks itself, and the other through a lane.
type comparison struct {
	otherMilter
	rewrites bool // a filter before the milter
	seed     uint64
}

// client is the address of the client for which the servers ask the milter.
func (c *comparison) client() string { return fmt.Sprintf("127.0.1.%d", c.seed) }

// Behind a real Postfix, milters of other implementations do the same as lanes as they do
// when Postfix asks them itself, byte for byte, with and without a filter before them that
// rewrites the message.
func TestSameAsAskedByPostfix(t *testing.T) {
	t.Parallel()
	direct, through := startServer(t), startServer(t)
	started := &milters{t: t, dir: direct.SocketDir()}
	var all []*comparison
	itself, lanes := make(map[string][]net.Addr), make(map[string][]net.Addr)
	before := listenFor(t, direct, rewriter())
	for _, m := range started.start() {
		addr := &net.UnixAddr{Net: "unix", Name: m.socket}
		for _, rewrites := range []bool{false, true} {
			c := &comparison{m, rewrites, uint64(len(all) + 1)}
			all = append(all, c)
			far := lane(t, remote.Config{}, "unix:"+m.socket)
			if rewrites {
				itself[c.client()], lanes[c.client()] = []net.Addr{before, addr}, []net.Addr{listenFor(t, through, rewriter(), far)}
			} else {
				itself[c.client()], lanes[c.client()] = []net.Addr{addr}, []net.Addr{listenFor(t, through, far)}
			}
		}
	}
	asks(t, direct, itself)
	asks(t, through, lanes)
	for _, c := range all {
		t.Run(fmt.Sprintf("%s, rewritten: %v", c.name, c.rewrites), func(t *testing.T) {
			t.Parallel()
			c.compare(t, direct, through, started.record)
		})
	}
}

// compare sends the same messages to both servers and compares what comes of them.
func (c *comparison) compare(t *testing.T, direct, through *realmta.Postfix, record string) {
	t.Helper()
	const clients = 4
	count := c.count
	if len(c.from) == 0 {
		c.from = []string{"example.org"}
	}
	data := letters(c.seed, count, c.from...)
	want, got := make([]submission, count), make([]submission, count)
	var sending sync.WaitGroup
	for n := range clients {
		one, other := c.connect(t, direct), c.connect(t, through)
		sending.Go(func() {
			for i := n; i < count; i += clients {
				to := fmt.Sprintf("m%d-%d@example.test", c.seed, i)
				want[i], got[i] = submit(one, to, data[i]), submit(other, to, data[i])
			}
		})
	}
	sending.Wait()
	there, here := arrived(t, direct, want), arrived(t, through, got)
	accepted := 0
	for i := range data {
		to := got[i].to
		require.Equal(t, want[i].outcome(there[to]), got[i].outcome(here[to]), "%s", data[i])
		if !got[i].arrives {
			continue
		}
		accepted++
		if c.signs {
			assertSigned(t, record, string(here[to].WithoutTrace()))
		}
	}
	t.Logf("%d of %d messages arrived", accepted, count)
	assert.Greater(t, accepted, count/4)
	assert.Equal(t, c.refuses, accepted < count, "some are refused")
}

// connect connects a client for which the server asks the milter.
func (c *comparison) connect(t *testing.T, p *realmta.Postfix) *realmta.Client {
	t.Helper()
	client := realmta.DialSMTPFrom(t, p.Addr(), c.client())
	code, text := client.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return client
}

// published is a DNS with the record of one key.
type published string

// LookupTXT implements dkim.Resolver.
func (p published) LookupTXT(_ context.Context, name string) ([]string, error) {
	if strings.TrimSuffix(name, ".") != "s._domainkey.example.org" {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{string(p)}, nil
}

// assertSigned asserts that the signature of a delivered message is right.
func assertSigned(t *testing.T, record, delivered string) {
	t.Helper()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: published(record), AuthservID: "mx.example.net"}})
	require.NoError(t, err)
	msg, err := mta.ReadMessage(strings.NewReader(delivered))
	require.NoError(t, err)
	msg.Recipients = []mta.Recipient{{Addr: "<bob@example.net>"}}
	res := miltertest.Run(t, f, msg)
	require.NotNil(t, res.Edited)
	assert.Contains(t, string(res.Edited.Bytes()), "dkim=pass", delivered)
}
