//go:build integration

package integration_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/realdns"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// deadline is the time of all lookups of a message, and late is how much later the client may have
// the reply on a busy machine. TestOneDeadline of package mailauth has the exact times.
const (
	deadline = 5 * time.Second
	late     = time.Minute
)

// pool is a Postfix with the filters, for mail of many domains.
type pool struct {
	*realmta.Postfix
	auth *mailauth.Authenticator
	keys *keys
	dns  *resolver.Resolver
	open atomic.Int32 // sockets to name servers
	used usage
}

// dial counts the sockets that are open.
func (p *pool) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	p.open.Add(1)
	return &countedConn{Conn: conn, open: &p.open}, nil
}

type countedConn struct {
	net.Conn
	open *atomic.Int32
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.open.Add(-1)
	return c.Conn.Close()
}

// newPool mounts the filters with a resolver.
func newPool(t *testing.T, k *keys, actions dmarc.Actions, dns resolver.Config) *pool {
	t.Helper()
	p := &pool{Postfix: realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{"realmta_max_use": "1000", "smtpd_peername_lookup": "no"}}), keys: k}
	dns.Dial = p.dial
	var err error
	p.dns, err = resolver.New(dns)
	require.NoError(t, err)
	p.auth, err = mailauth.New(p.config(actions))
	require.NoError(t, err)
	router := framework.NewRouter()
	p.auth.Mount(router)
	ln := p.Listen(t, "unix")
	realmta.Serve(t, ln, router, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	p.SetFilters(t, ln.Addr())
	return p
}

func (p *pool) config(actions dmarc.Actions) mailauth.Config {
	return mailauth.Config{
		Resolver: p.dns, AuthservID: authservDomain, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		DMARC: dmarc.Config{Actions: actions}, Timeout: deadline,
	}
}

// domains returns a zone with domains that authenticate their mail, with a number in their names.
func domains(t *testing.T, k *keys, kinds map[string]int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("helo.example. TXT \"v=spf1 ip4:127.0.0.2 -all\"\n")
	names := []string{"stranger.example"}
	for kind, n := range kinds {
		names = append(names, numbered(kind, 0, n)...)
	}
	for _, name := range names {
		fmt.Fprintf(&b, "%s. TXT \"v=spf1 ip4:127.0.0.2 -all\"\n_dmarc.%[1]s. TXT \"v=DMARC1; p=reject\"\n", name)
		b.WriteString(record(t, rsaSelector, name, k.rsa))
	}
	return b.String()
}

// sent is what became of a message.
type sent struct {
	domain, to string
	code       int
	reply      string
	took       time.Duration // from the end of the message to the reply
}

// stranger is a client that no domain allows. allowedClient is one that all allow.
const stranger, allowedClient = "127.0.0.3", "127.0.0.2"

// send sends a signed message of a domain.
func (p *pool) send(t *testing.T, domain, to string) sent {
	t.Helper()
	return p.sendFrom(t, allowedClient, domain, to)
}

func (p *pool) sendFrom(t *testing.T, client, domain, to string) sent {
	t.Helper()
	text := "From: Ann <ann@" + domain + ">\r\nTo: " + to + "\r\nSubject: hello\r\n\r\n" + body
	fields, err := dkim.Sign(dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*"}, Keys: []dkim.Key{{Domain: domain, Selector: rsaSelector, Signer: p.keys.rsa}}}}}, strings.NewReader(text))
	require.NoError(t, err)
	c := realmta.DialSMTPFrom(t, p.Addr(), client)
	defer c.Close()
	c.Cmd("EHLO helo.example")
	for _, line := range []string{"MAIL FROM:<ann@" + domain + ">", "RCPT TO:<" + to + ">"} {
		code, reply := c.Cmd(line)
		require.Equal(t, 250, code, reply)
	}
	began := time.Now()
	code, reply := c.Data([]byte(strings.Join(fields, "") + text))
	return sent{domain, to, code, reply, time.Since(began)}
}

// sendAll sends a message of each domain, some at the same time.
func (p *pool) sendAll(t *testing.T, prefix string, atOnce int, names []string) []sent {
	t.Helper()
	defer p.watch(t, atOnce)()
	all := make([]sent, len(names))
	turns := make(chan struct{}, atOnce)
	var sending sync.WaitGroup
	for i, name := range names {
		turns <- struct{}{}
		sending.Go(func() {
			defer func() { <-turns }()
			all[i] = p.send(t, name, fmt.Sprintf("%s%d@example.test", prefix, i))
		})
	}
	sending.Wait()
	return all
}

// results returns the results in the message that was delivered, by their methods.
func (p *pool) results(t *testing.T, s sent) string {
	t.Helper()
	require.Equal(t, 250, s.code, s.reply)
	got := string(p.Sink().Await(t, realmta.ToRecipient(s.to)).WithoutTrace())
	value, ok := strings.CutPrefix(got, "Authentication-Results: "+authservDomain+";")
	require.True(t, ok, got)
	var words []string
	for line := range strings.SplitSeq(value, "\r\n") {
		word, _, _ := strings.Cut(strings.TrimLeft(line, "\t"), " ")
		switch {
		case line == "" || strings.HasPrefix(line, "\t"):
			if method, _, ok := strings.Cut(word, "="); ok && strings.Contains(" spf dkim arc dmarc ", " "+method+" ") {
				words = append(words, strings.TrimSuffix(word, ";"))
			}
		case !strings.HasPrefix(line, " "): // the next field
			return strings.Join(words, " ")
		}
	}
	return strings.Join(words, " ")
}

// numbered returns the names of some domains.
func numbered(kind string, from, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%d.example", kind, from+i))
	}
	return names
}

// usage are the highest figures while mail flows.
type usage struct {
	sockets, lookups int
	heap             uint64 // of the process, with what runs beside
}

// watch measures until the function that it returns is called, and then checks the bounds.
func (p *pool) watch(t *testing.T, atOnce int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	runtime.GC()
	before := p.measure()
	u := &p.used
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			now := p.measure()
			u.sockets, u.lookups, u.heap = max(u.sockets, now.sockets), max(u.lookups, now.lookups), max(u.heap, now.heap-min(before.heap, now.heap))
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return func() {
		t.Helper()
		cancel()
		<-done
		// A message has four lookups at the same time of each of the three methods at most.
		assert.LessOrEqual(t, u.sockets, 12*atOnce, "sockets")
		assert.LessOrEqual(t, u.lookups, 12*atOnce, "lookups")
		assert.Less(t, u.heap, uint64(64<<20), "bytes of heap")
		require.Eventually(t, func() bool { return p.open.Load() == 0 }, time.Minute, 10*time.Millisecond, "lookups end")
		stats := p.dns.Stats()
		assert.Zero(t, stats.InFlight+stats.Waiting)
	}
}

func (p *pool) measure() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{int(p.open.Load()), p.dns.Stats().InFlight, m.HeapAlloc}
}

// slowest returns the longest time among messages.
func slowest(all []sent) (most time.Duration) {
	for _, s := range all {
		most = max(most, s.took)
	}
	return most
}

const (
	authenticated = "spf=pass spf=pass dkim=pass arc=none dmarc=pass"
	unknown       = "spf=temperror spf=temperror dkim=temperror arc=none dmarc=temperror"
)

// TestBadDNS sends mail while the DNS is silent, slow, or sends lies. The filters defer what they do
// not know, or pass it on as not known, as they are configured. They never take it for
// authenticated.
func TestBadDNS(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	const each = 20
	nsd := realdns.Start(t, realdns.Zone{Text: domains(t, k, map[string]int{"a": 2 * each})})
	for name, tt := range map[string]struct {
		treat   treatment
		results string // that each message must have
		within  time.Duration
		atLeast time.Duration
	}{
		"honest":      {honest, authenticated, late, 0},
		"slow":        {slow(200 * time.Millisecond), authenticated, late, 200 * time.Millisecond},
		"lying first": {lyingFirst, authenticated, late, 0},
		"too slow":    {slow(6 * time.Second), unknown, deadline + late, 3 * time.Second},
		"silent":      {silent, unknown, deadline + late, 3 * time.Second},
		"lying":       {lying, unknown, deadline + late, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dns := startRelay(t, nsd.Addr())
			p := newPool(t, k, dmarc.Actions{Reject: dmarc.Reject, TempError: dmarc.TempFail}, resolver.Config{
				Servers: []string{dns.addr()}, Failure: time.Millisecond,
			})
			dns.set(tt.treat)
			deferred := p.sendAll(t, "deferred", each, numbered("a", 0, each))
			require.NoError(t, p.auth.Reload(p.config(dmarc.Actions{Reject: dmarc.Reject, TempError: dmarc.Accept})))
			accepted := p.sendAll(t, "accepted", each, numbered("a", each, each))
			for _, s := range accepted {
				assert.Equal(t, tt.results, p.results(t, s))
			}
			if tt.results == authenticated {
				s := p.sendFrom(t, stranger, "stranger.example", "stranger@example.test")
				assert.Equal(t, "spf=fail spf=fail dkim=pass arc=none dmarc=pass", p.results(t, s), "no lie is believed")
			}
			most := max(slowest(deferred), slowest(accepted))
			assert.LessOrEqual(t, most, tt.within)
			assert.GreaterOrEqual(t, min(slowest(deferred), slowest(accepted)), tt.atLeast)
			t.Logf("%d messages, %d queries, the slowest took %s, %+v", 2*each, dns.queries.Load(), most.Round(time.Millisecond), p.used)
			if tt.results == unknown {
				for _, s := range deferred {
					assert.Equal(t, 451, s.code)
					assert.Contains(t, s.reply, "4.7.1 DMARC: temperror")
				}
				dns.set(honest) // and the clients try again
				deferred = p.sendAll(t, "again", each, numbered("a", 0, each))
			}
			for _, s := range deferred {
				assert.Equal(t, authenticated, p.results(t, s))
			}
		})
	}
}

// TestHugeDNS sends mail of domains with records that are too large, or lead nowhere.
func TestHugeDNS(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	const each = 10
	text := fmt.Sprintf("%q", strings.Repeat("x", 250))
	var b strings.Builder
	b.WriteString(domains(t, k, map[string]int{"good": each}))
	wants := make(map[string]string)
	for i := range each {
		// 50 KiB of texts; a text of 50 KiB; records that lead to records; an alias in a ring.
		fmt.Fprintf(&b, "texts%d.example. TXT \"v=spf1 ip4:127.0.0.2 -all\"\n_dmarc.texts%[1]d.example. TXT \"v=DMARC1; p=reject\"\n", i)
		for n := range 200 {
			fmt.Fprintf(&b, "texts%d.example. TXT \"%d\" %s\n", i, n, text)
		}
		wants[fmt.Sprintf("texts%d.example", i)] = "spf=permerror spf=pass dkim=permerror arc=none dmarc=fail"
		fmt.Fprintf(&b, "long%d.example. TXT \"v=spf1 ip4:127.0.0.2 -all\"\n_dmarc.long%[1]d.example. TXT \"v=DMARC1; p=reject;\" %s\n", i, strings.Repeat(text+" ", 200))
		wants[fmt.Sprintf("long%d.example", i)] = "spf=pass spf=pass dkim=permerror arc=none dmarc=permerror"
		fmt.Fprintf(&b, "deep%d.example. TXT \"v=spf1 include:deep%[1]d.example -all\"\n_dmarc.deep%[1]d.example. TXT \"v=DMARC1; p=reject\"\n", i)
		wants[fmt.Sprintf("deep%d.example", i)] = "spf=permerror spf=pass dkim=permerror arc=none dmarc=fail"
		fmt.Fprintf(&b, "ring%d.example. CNAME ring%[1]d.example.\n_dmarc.ring%[1]d.example. TXT \"v=DMARC1; p=reject\"\n", i)
		wants[fmt.Sprintf("ring%d.example", i)] = "spf=temperror spf=pass dkim=permerror arc=none dmarc=temperror"
		wants[fmt.Sprintf("good%d.example", i)] = authenticated
	}
	nsd := realdns.Start(t, realdns.Zone{Text: b.String()})
	p := newPool(t, k, dmarc.Actions{}, resolver.Config{Servers: []string{nsd.Addr()}})
	var names []string
	for name := range wants {
		names = append(names, name)
	}
	all := p.sendAll(t, "m", 10, names)
	for _, s := range all {
		assert.Equal(t, wants[s.domain], p.results(t, s), s.domain)
	}
	assert.Less(t, slowest(all), deadline)
	t.Logf("%d messages, the slowest took %s, %+v", len(all), slowest(all).Round(time.Millisecond), p.used)
}

// TestNameServerStops stops the name server while mail flows, or makes it fall silent, and starts it
// again. What the cache has is right at once, all else is deferred within the deadline, and no
// message is lost.
func TestNameServerStops(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	const warm = 5
	z := realdns.Zone{Text: domains(t, k, map[string]int{"warm": warm, "cold": 2 * again})}
	for name, tt := range map[string]struct {
		stop, start func(t *testing.T, nsd *realdns.Server, between *relay)
		stopped     time.Duration
	}{
		"stops": {
			func(t *testing.T, nsd *realdns.Server, _ *relay) { t.Helper(); nsd.Stop(t) },
			func(t *testing.T, nsd *realdns.Server, _ *relay) { t.Helper(); nsd.Restart(t) }, 6 * time.Second,
		},
		"falls silent": {
			func(t *testing.T, _ *realdns.Server, between *relay) { t.Helper(); between.set(silent) },
			func(t *testing.T, _ *realdns.Server, between *relay) { t.Helper(); between.set(honest) }, 15 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nsd := realdns.Start(t, z)
			between := startRelay(t, nsd.Addr())
			server := between.addr()
			if name == "stops" {
				server = nsd.Addr() // its port is closed then
			}
			p := newPool(t, k, dmarc.Actions{Reject: dmarc.Reject, TempError: dmarc.TempFail}, resolver.Config{Servers: []string{server}})
			for _, s := range p.sendAll(t, "first", warm, numbered("warm", 0, warm)) {
				require.Equal(t, authenticated, p.results(t, s))
			}
			f := &flow{pool: p, phase: "before", next: make(map[string]int), all: make(map[string][]sent)}
			stopWatching := p.watch(t, 4)
			end := f.begin(t, warm)
			time.Sleep(2 * time.Second)
			f.await(t, "before")
			f.change(changing)
			tt.stop(t, nsd, between)
			f.change("stopped")
			time.Sleep(tt.stopped)
			f.await(t, "stopped")
			f.change(changing)
			tt.start(t, nsd, between)
			f.change("after")
			time.Sleep(2 * time.Second)
			f.await(t, "after")
			end()
			stopWatching()
			f.check(t)
		})
	}
}

// flow is mail that flows: of domains that the cache has, and of others.
type flow struct {
	*pool
	mu    sync.Mutex
	phase string
	next  map[string]int    // by kind of domain
	all   map[string][]sent // by phase and kind of domain
}

// changing is the phase between two others. What the name server does in it is not known.
const changing = "changing"

// again is the number that is added to that of a domain whose message is sent again.
const again = 1000

// begin sends mail until the function that it returns is called: two clients send that of the warm
// domains, and two that of cold ones, each of which is used once.
func (f *flow) begin(t *testing.T, warm int) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	for i := range 4 {
		sending.Go(func() {
			for ctx.Err() == nil {
				f.send(t, warm, i < 2)
			}
		})
	}
	return func() {
		cancel()
		sending.Wait()
	}
}

func (f *flow) send(t *testing.T, warm int, isWarm bool) {
	t.Helper()
	kind := "cold"
	if isWarm {
		kind = "warm"
	}
	f.mu.Lock()
	n, phase := f.next[kind], f.phase
	f.next[kind]++
	f.mu.Unlock()
	domain := fmt.Sprintf("cold%d.example", n)
	if isWarm {
		domain = fmt.Sprintf("warm%d.example", n%warm)
	}
	s := f.pool.send(t, domain, fmt.Sprintf("%s-flow%d@example.test", kind, n))
	f.mu.Lock()
	defer f.mu.Unlock()
	key := phase + ", " + kind
	if phase != f.phase || phase == changing {
		key = changing
	}
	f.all[key] = append(f.all[key], s)
}

func (f *flow) change(to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.phase = to
}

// await waits until messages of both kinds were sent in a phase, which takes long on a busy machine.
func (f *flow) await(t *testing.T, phase string) {
	t.Helper()
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.all[phase+", warm"]) > 0 && len(f.all[phase+", cold"]) > 0
	}, 2*time.Minute, 10*time.Millisecond, phase)
}

// check compares what became of the messages in each phase. Clients send again what was deferred.
func (f *flow) check(t *testing.T) {
	t.Helper()
	deferred := 0
	for phase, messages := range f.all {
		for _, s := range messages {
			assert.LessOrEqual(t, s.took, deadline+late)
			switch {
			case phase == "stopped, cold":
				assert.Equal(t, 451, s.code, s.reply)
			case phase != changing:
				assert.Equal(t, 250, s.code, "%s: %s", phase, s.reply)
			}
			if s.code == 451 {
				deferred++
				var n int
				_, err := fmt.Sscanf(s.domain, "cold%d.example", &n)
				require.NoError(t, err, "the cache has the warm domains")
				s = f.pool.send(t, fmt.Sprintf("cold%d.example", n+again), "again-"+s.to)
			}
			got := f.results(t, s)
			if phase == changing { // one method may have got its answers, and another none
				got = strings.ReplaceAll(got, "temperror", "pass")
			}
			assert.Equal(t, authenticated, got, "%s: %s", phase, s.domain)
		}
		if strings.HasSuffix(phase, "warm") {
			assert.Less(t, slowest(messages), late, phase)
		}
		t.Logf("%s: %d messages, the slowest took %s", phase, len(messages), slowest(messages).Round(time.Millisecond))
	}
	for _, phase := range []string{"before", "stopped", "after"} {
		for _, kind := range []string{"warm", "cold"} {
			assert.NotEmpty(t, f.all[phase+", "+kind], phase+", "+kind)
		}
	}
	t.Logf("%d were sent again; %+v", deferred, f.used)
}
