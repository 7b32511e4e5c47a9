//go:build integration

package integration_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/realdns"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// seed is the seed of the generator.
var seed = flag.Uint64("seed", 7, "the seed of the letters")

// letters is the number of letters behind each server.
const letters = 200

// TestLetters sends the letters of the generator through Postfix and Sendmail.
func TestLetters(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	dns := realdns.Start(t, zone(t, k))
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			server := start(t)
			p := newPost(t, server, k, dns.Addr())
			for n := range letters {
				p.send(t, p.letter(t, n))
			}
			p.checkHeld(t)
			t.Logf("%d letters of the seed %d in %s: %s", letters, *seed, time.Since(began).Round(time.Second), p.counts())
		})
	}
}

// post is a mail server with the filters.
type post struct {
	generator
	mta   realmta.MTA
	told  *told
	held  map[string]*verdict // by recipient
	count map[string]int
}

// newPost mounts the filters on a server as a program does: with a policy for each result, and
// with a sealer.
func newPost(t *testing.T, server realmta.MTA, k *keys, dns string) *post {
	t.Helper()
	p := &post{
		generator: generator{rng: rand.New(rand.NewPCG(*seed, 0)), keys: k, dns: newResolver(t, dns), clients: clients()},
		mta:       server, told: new(told), held: make(map[string]*verdict), count: make(map[string]int),
	}
	if postfix, ok := server.(*realmta.Postfix); ok {
		postfix.Reconfigure(t, map[string]string{
			"smtpd_authorized_xclient_hosts": "127.0.0.0/8", "mynetworks": "0.0.0.0/0 [::]/0", "inet_protocols": "all",
			"smtpd_peername_lookup": "no",
		})
		p.clients, p.logsIn = append(p.clients, "192.0.2.7", "192.0.2.66", "2001:db8::7", "2001:db8::66"), true
	}
	auth, err := mailauth.New(mailauth.Config{
		Resolver: newResolver(t, dns), AuthservID: authservDomain, AlsoRemove: []string{"mail.example.test"},
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Observe: p.told.observe,
		DMARC: dmarc.Config{
			Actions:        dmarc.Actions{Reject: dmarc.Reject, Quarantine: dmarc.Hold, TempError: dmarc.TempFail, PermError: dmarc.Reject},
			TrustedSealers: []string{trustedSealer},
		},
		Sealer: &arc.SealerConfig{Domain: ownDomain, Selector: arcSelector, Signer: k.arc},
	})
	require.NoError(t, err)
	r := framework.NewRouter()
	auth.Mount(r)
	auth.MountSealer(r)
	ln := server.Listen(t, "unix")
	realmta.Serve(t, ln, r, framework.Config{Logger: slog.New(p.told)})
	server.SetFilters(t, ln.Addr())
	return p
}

// clients are the clients of every server. The last one is of this host.
func clients() []string {
	return []string{"127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.1"}
}

func newResolver(t *testing.T, server string) *resolver.Resolver {
	t.Helper()
	r, err := resolver.New(resolver.Config{Servers: []string{server}, Timeout: time.Minute})
	require.NoError(t, err)
	return r
}

// send sends a letter, and compares all that can be seen of it with the model.
func (p *post) send(t *testing.T, l *letter) {
	t.Helper()
	v := l.judge()
	to := fmt.Sprintf("m%d@example.test", l.n)
	code, reply := p.deliver(t, l, to)
	sum, line := p.told.next(t, l.n)
	assert.Equal(t, v.action, string(sum.Action))
	assert.Equal(t, map[string]int{"accept": 250, "hold": 250, "reject": 550, "tempfail": 451}[v.action], code, reply)
	value, err := authres.Format(sum.AuthRes())
	require.NoError(t, err)
	checkField(t, v, value)
	checkLine(t, v, line)
	switch v.action {
	case "accept":
		got := p.mta.Sink().Await(t, realmta.ToRecipient(to))
		p.checkDelivered(t, l, v, value, string(got.WithoutTrace()))
	case "hold":
		p.held[to] = v
	}
	p.tally(l, v)
	if t.Failed() {
		t.Logf("%s\nverdict: %+v\nfield: %s\nreply: %d %s\nline: %v\n%s", l.about(), *v, value, code, reply, line, l.data)
		t.FailNow()
	}
}

// about says what is in a letter.
func (l *letter) about() string {
	text := fmt.Sprintf("letter %d: %s from %s (logged in: %t), HELO %v, MAIL FROM %v, ARC %s", l.n, l.shape, l.client, l.loggedIn, l.helo, l.from, l.chain.about)
	for _, a := range l.authors {
		text += ", author " + a.domain
	}
	for _, s := range l.signatures {
		text += fmt.Sprintf(", DKIM %s d=%s s=%s", s.result, s.domain, s.selector)
	}
	return text
}

// deliver sends a letter and returns the reply to it.
func (p *post) deliver(t *testing.T, l *letter, to string) (code int, text string) {
	t.Helper()
	local, xclient := l.client, ""
	if !strings.HasPrefix(local, "127.") || l.loggedIn {
		local = "127.0.0.1"
		addr := l.client
		if strings.Contains(addr, ":") {
			addr = "IPV6:" + addr
		}
		xclient = "XCLIENT NAME=client.example.org ADDR=" + addr
		if l.loggedIn {
			xclient += " LOGIN=ann"
		}
	}
	c := realmta.DialSMTPFrom(t, p.mta.Addr(), local)
	defer c.Close()
	c.Cmd("EHLO " + l.written(l.helo.domain))
	if xclient != "" {
		code, text = c.Cmd(xclient)
		require.Equal(t, 220, code, text)
		c.Cmd("EHLO " + l.written(l.helo.domain))
	}
	from := ""
	if l.from.domain != "" {
		from = "ann@" + l.written(l.from.domain)
	}
	return c.Deliver(realmta.Message{From: from, To: []string{to}, Data: []byte(l.data)})
}

// checkField compares the results of a field with those of the model, in their order.
func checkField(t *testing.T, v *verdict, value string) {
	t.Helper()
	field, err := authres.Parse(value)
	require.NoError(t, err)
	assert.Equal(t, authservDomain, field.ID)
	require.Len(t, field.Results, len(v.results), value)
	for i, want := range v.results {
		words := strings.Fields(want)
		got := []string{field.Results[i].Method + "=" + field.Results[i].Value}
		for _, word := range words[1:] {
			property, _, _ := strings.Cut(word, "=")
			kind, name, _ := strings.Cut(property, ".")
			found, _ := field.Results[i].Property(kind, name)
			got = append(got, property+"="+found)
		}
		assert.Equal(t, want, strings.Join(got, " "))
		if strings.HasPrefix(want, "dmarc=") {
			_, has := field.Results[i].Property("policy", "dmarc")
			assert.Equal(t, strings.Contains(want, "policy.dmarc="), has)
		}
	}
}

// checkLine compares the line about a message with the model.
func checkLine(t *testing.T, v *verdict, line map[string]string) {
	t.Helper()
	assert.Equal(t, v.action, line["action"])
	assert.True(t, strings.HasPrefix(line["spf"], v.spf[0]), "%s: %s", line["spf"], v.spf)
	assert.Equal(t, len(v.spf) == 2, strings.Contains(line["spf"], " helo="))
	if len(v.spf) == 2 {
		assert.Contains(t, line["spf"], ", "+v.spf[1])
	}
	rest := line["dkim"]
	for _, want := range v.dkim {
		_, after, ok := strings.Cut(rest, want)
		assert.True(t, ok, "%s: %s", line["dkim"], want)
		rest = after
	}
	assert.True(t, strings.HasPrefix(line["arc"], v.arc), "%s: %s", line["arc"], v.arc)
	assert.True(t, strings.HasPrefix(line["dmarc"], v.dmarc), "%s: %s", line["dmarc"], v.dmarc)
	assert.Equal(t, v.override, strings.Contains(line["dmarc"], "override=local_policy"), line["dmarc"])
}

// checkDelivered compares a message as it was delivered: the set of this host, the one field of
// results, and then the message as it came, without what was forged.
func (p *post) checkDelivered(t *testing.T, l *letter, v *verdict, value, got string) {
	t.Helper()
	header, gotBody, _ := strings.Cut(got, "\r\n\r\n")
	fields := split(header)
	if v.chain != "" {
		require.Greater(t, len(fields), 3)
		for i, want := range []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"} {
			assert.True(t, strings.HasPrefix(fields[i], want+": "), fields[i])
			assert.Contains(t, fields[i], fmt.Sprintf(" i=%d;", v.sets))
		}
		fields = fields[3:]
		state, err := arc.Verify(t.Context(), arc.VerifierConfig{Resolver: p.dns}, strings.NewReader(got))
		require.NoError(t, err)
		assert.Equal(t, v.chain, string(state.Status), state.Reason)
		assert.Equal(t, v.sets, state.Instances)
	}
	assert.Equal(t, "Authentication-Results: "+strings.ReplaceAll(value, "\n", "\r\n")+"\r\n", fields[0])
	want := realmta.Comparable([]byte(strings.Join(l.fields, "") + "\r\n" + body))
	assert.Equal(t, string(want), string(realmta.Comparable([]byte(strings.Join(fields[1:], "")+"\r\n"+gotBody))))
}

// split splits a header into its fields, each with its line end.
func split(header string) (fields []string) {
	for line := range strings.SplitSeq(header, "\r\n") {
		if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, " ") {
			fields[len(fields)-1] += line + "\r\n"
			continue
		}
		fields = append(fields, line+"\r\n")
	}
	return fields
}

// checkHeld checks that the server holds the letters that it must hold, with their results.
func (p *post) checkHeld(t *testing.T) {
	t.Helper()
	switch server := p.mta.(type) {
	case *realmta.Postfix:
		run := func(name string, args ...string) {
			out, err := exec.CommandContext(t.Context(), name, append([]string{"-c", server.ConfigDir()}, args...)...).CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
		held, err := os.ReadDir(filepath.Join(server.QueueDir(), "hold"))
		require.NoError(t, err)
		assert.Len(t, held, len(p.held))
		run("postsuper", "-H", "ALL")
		run("postqueue", "-f")
		for to, v := range p.held {
			got := p.mta.Sink().Await(t, realmta.ToRecipient(to))
			header, _, _ := strings.Cut(string(got.WithoutTrace()), "\r\n\r\n")
			fields := split(header)
			if v.chain != "" {
				fields = fields[3:]
			}
			checkField(t, v, strings.TrimPrefix(strings.ReplaceAll(fields[0], "\r\n", "\n"), "Authentication-Results:"))
		}
	case *realmta.Sendmail:
		held, err := filepath.Glob(filepath.Join(server.QueueDir(), "hf*"))
		require.NoError(t, err)
		assert.Len(t, held, len(p.held))
		for _, path := range held {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(string(text), "Authentication-Results: "+authservDomain+";"))
			assert.Contains(t, string(text), "qdmarc: fail, mail of ")
		}
	}
}

// tally counts what letters have, and what becomes of them.
func (p *post) tally(l *letter, v *verdict) {
	add := func(format string, args ...any) { p.count[fmt.Sprintf(format, args...)]++ }
	add("action %s", v.action)
	add("shape %s", l.shape)
	add("chain %s", l.chain.about)
	add("forged fields %d", len(l.forged))
	if l.from.domain == "" {
		add("bounces")
	}
	if v.override {
		add("overrides")
	}
	for _, text := range v.results {
		method, _, _ := strings.Cut(text, " ")
		if strings.Contains(text, "smtp.helo=") && !strings.Contains(text, "smtp.mailfrom=") {
			method = "helo" + strings.TrimPrefix(method, "spf")
		}
		add("%s", method)
	}
	for _, a := range l.authors {
		add("author %s", a.domain)
	}
}

func (p *post) counts() string {
	var list []string
	for name, n := range p.count {
		list = append(list, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// told keeps what Observe and the log are told about messages, in their order.
type told struct {
	mu        sync.Mutex
	summaries []*mailauth.Summary
	lines     []map[string]string
	warnings  []string
}

func (o *told) observe(s *mailauth.Summary) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.summaries = append(o.summaries, s)
}

// next waits for the summary and the line about the n-th message.
func (o *told) next(t *testing.T, n int) (*mailauth.Summary, map[string]string) {
	t.Helper()
	var sum *mailauth.Summary
	var line map[string]string
	require.Eventually(t, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.summaries) <= n || len(o.lines) <= n {
			return false
		}
		sum, line = o.summaries[n], o.lines[n]
		return true
	}, time.Minute, time.Millisecond, "a summary and a line for each message")
	o.mu.Lock()
	defer o.mu.Unlock()
	assert.Len(t, o.summaries, n+1)
	assert.Len(t, o.lines, n+1)
	assert.Empty(t, o.warnings)
	return sum, line
}

// Enabled implements slog.Handler.
func (*told) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (o *told) Handle(_ context.Context, r slog.Record) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Level >= slog.LevelWarn && !strings.HasPrefix(r.Message, "the milter protocol has no authentication") {
		o.warnings = append(o.warnings, r.Message)
	}
	if r.Message != "authenticated" {
		return nil
	}
	line := make(map[string]string)
	r.Attrs(func(a slog.Attr) bool {
		line[a.Key] = a.Value.String()
		return true
	})
	o.lines = append(o.lines, line)
	return nil
}

// WithAttrs implements slog.Handler.
func (o *told) WithAttrs([]slog.Attr) slog.Handler { return o }

// WithGroup implements slog.Handler.
func (o *told) WithGroup(string) slog.Handler { return o }
