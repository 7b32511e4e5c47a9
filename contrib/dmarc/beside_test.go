package dmarc_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is a resolver each of whose answers takes a second.
type slow struct{ dmarc.Resolver }

func (slow) wait(ctx context.Context) error {
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s slow) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Resolver.LookupTXT(ctx, name)
}

func (s slow) LookupA(ctx context.Context, name string) ([]netip.Addr, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Resolver.LookupA(ctx, name)
}

// Walks that do not depend on each other take the time of the longest.
func TestWalksRunAtTheSameTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone, author, results string
		took                  int // seconds: one for each query that waits for another
		queries               int
	}{
		"the record alone":             {"example.com p=reject", "example.com", "dkim=pass example.com", 1, 1},
		"two identities":               {"example.com p=reject", "example.com", "dkim=pass a.example.com, dkim=pass b.example.com", 3, 4},
		"ten identities":               {"example.com p=reject", "example.com", "dkim=pass a.example.com, dkim=pass b.example.com, dkim=pass c.example.com, dkim=pass d.example.com, dkim=pass e.example.com, dkim=pass f.example.com, dkim=pass g.example.com, dkim=pass h.example.com, dkim=pass i.example.com, dkim=pass j.example.com", 3, 12},
		"a deep one and a shallow one": {"example.com p=reject", "example.com", "dkim=pass a.b.c.example.com, spf=pass d.example.com", 5, 6},
		"the same twice":               {"example.com p=reject", "example.com", "dkim=pass a.example.com, spf=pass a.example.com", 3, 3},
		"existence beside a walk":      {"example.com p=none; np=reject", "x.example.com", "dkim=pass a.example.com", 4, 5},
		"three authors":                {"example.com p=reject", "a.example.com, b@b.example.org, c@c.example.net", "", 3, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dns := &counter{Resolver: slow{resolvertest.New(t, records(c.zone))}}
				in := input(c.author, c.results)
				in.From[0] = "ann@" + c.author
				began := time.Now()
				r := dmarc.Evaluate(t.Context(), dns, in)
				assert.Equal(t, c.took, int(time.Since(began)/time.Second))
				assert.Len(t, dns.names, c.queries)
				assert.Len(t, r.Queries, c.queries)
				checkResult(t, r)
			})
		})
	}
}

// begin sends a message up to its header, and returns a function that ends it.
func begin(t *testing.T, r *framework.Router, opts ...miltertest.Option) (end func() string) {
	t.Helper()
	return beginFrom(t, r, "ann@good.example", "ann@good.example", opts...)
}

// beginFrom is like begin, with a sender and an author.
func beginFrom(t *testing.T, r *framework.Router, sender, author string, opts ...miltertest.Option) (end func() string) {
	t.Helper()
	conn := miltertest.NewRouterServer(t, r, opts...).Dial(t)
	ctx := t.Context()
	_, err := conn.Connect(ctx, &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")})
	require.NoError(t, err)
	_, err = conn.Helo(ctx, "client.example.org")
	require.NoError(t, err)
	_, err = conn.Mail(ctx, "<"+sender+">")
	require.NoError(t, err)
	_, err = conn.Header(ctx, "From", " "+author)
	require.NoError(t, err)
	_, err = conn.EndOfHeaders(ctx)
	require.NoError(t, err)
	require.NoError(t, conn.Flush(ctx))
	return func() string {
		_, mods, err := conn.EndOfMessage(ctx, []byte("x\r\n"))
		require.NoError(t, err)
		require.Len(t, mods, 1)
		return mods[0].(*wire.InsertHeader).Value
	}
}

// The lookups run while the MTA sends the body, so that the message waits for the rest of the
// time only. If no function may run beside the session, it waits for all of it.
func TestLookupsRunBesideTheSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		noField bool // of SPF
		most    int
		took    time.Duration
	}{
		"behind SPF": {true, 0, 0}, "behind SPF that writes": {false, 0, time.Second}, "too many functions": {true, 1, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := filter(t, dmarc.Config{Resolver: slow{resolvertest.New(t, filterWorld)}})
				sender, err := spf.New(spf.Config{Resolver: resolvertest.New(t, filterWorld), AuthservID: host, NoField: c.noField})
				require.NoError(t, err)
				r := framework.NewRouter()
				if c.most > 0 {
					r.Mount(busy())
				}
				r.Mount(sender)
				r.Mount(f)
				end := begin(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = c.most }))
				time.Sleep(2 * time.Second)
				began := time.Now()
				assert.Contains(t, end(), "dmarc=pass")
				assert.Equal(t, c.took, time.Since(began))
			})
		})
	}
}

// busy uses up the functions that may run beside a session.
func busy() framework.Filter {
	return miltertest.FilterFunc("busy", func(r *framework.Router) error {
		value := framework.Async[int](r)
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
			return value.Start(s, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil })
		})
		return nil
	})
}

// A DNS that does not answer costs the timeout once, from the end of the header. The result is a
// temperror, and its action applies.
func TestDeadDNS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   dmarc.Config
		sleep time.Duration // of the client before the end of the message
		took  time.Duration
		want  string
	}{
		"default":                  {dmarc.Config{}, 0, 5 * time.Second, ""},
		"shorter":                  {dmarc.Config{Timeout: time.Second}, 0, time.Second, ""},
		"while the body came":      {dmarc.Config{}, 4 * time.Second, time.Second, ""},
		"over when the body ended": {dmarc.Config{}, time.Minute, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.cfg.Resolver = resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, filterWorld, resolvertest.Silent("."))
				f := filter(t, c.cfg)
				sender, err := spf.New(spf.Config{Resolver: resolvertest.New(t, filterWorld), NoField: true})
				require.NoError(t, err)
				r := framework.NewRouter()
				r.Mount(sender)
				r.Mount(f)
				end := begin(t, r)
				time.Sleep(c.sleep)
				began := time.Now()
				assert.Contains(t, end(), "dmarc=temperror\n\t reason=\"The lookup of _dmarc.good.example (TXT) failed: the time for the message is over.")
				assert.Equal(t, c.took, time.Since(began))
			})
		})
	}
}

// If the server's own limit is shorter, the result is a temperror too, or the policy of the lane
// decides: nothing passes.
func TestHandlerTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, filterWorld, resolvertest.Silent("."))
		sender, _ := checkers(t, resolvertest.New(t, filterWorld))
		r := framework.NewRouter()
		r.Mount(sender)
		r.Mount(filter(t, dmarc.Config{Resolver: dns, Timeout: time.Hour, Actions: dmarc.Actions{TempError: dmarc.TempFail}}))
		res := miltertest.RunRouter(t, r, letter("ann@good.example"), miltertest.Configure(func(cfg *framework.Config) { cfg.MessageTimeout = 2 * time.Second }))
		res.AssertTempFailed(t)
	})
}
