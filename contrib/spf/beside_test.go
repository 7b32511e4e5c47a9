package spf_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

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

// No stage waits for the DNS but the last, and that only for the rest of the time. If no
// function may run beside the session, it waits for all of it.
func TestOnlyTheLastStageWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		most int
		took time.Duration
	}{"beside": {0, 3 * time.Second}, "too many functions": {1, 5 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dns := resolvertest.NewConfig(t, resolver.Config{Timeout: 5 * time.Second}, world, resolvertest.Silent("good.example"))
				r := framework.NewRouter()
				r.Mount(busy())
				r.Mount(filter(t, spf.Config{Resolver: dns}))
				conn := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = c.most })).Dial(t)
				ctx, began := t.Context(), time.Now()
				_, err := conn.Connect(ctx, &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")})
				require.NoError(t, err)
				_, err = conn.Helo(ctx, "client.example.org")
				require.NoError(t, err)
				_, err = conn.Mail(ctx, "<ann@good.example>")
				require.NoError(t, err)
				_, err = conn.Rcpt(ctx, "<bob@example.net>")
				require.NoError(t, err)
				_, err = conn.Header(ctx, "Subject", "x")
				require.NoError(t, err)
				_, err = conn.EndOfHeaders(ctx)
				require.NoError(t, err)
				require.NoError(t, conn.Flush(ctx))
				assert.Zero(t, time.Since(began))
				time.Sleep(2 * time.Second)
				began = time.Now()
				_, mods, err := conn.EndOfMessage(ctx, []byte("x\r\n"))
				require.NoError(t, err)
				assert.Equal(t, c.took, time.Since(began))
				require.Len(t, mods, 1)
				assert.Contains(t, mods[0].(*wire.InsertHeader).Value, "spf=temperror")
			})
		})
	}
}

// The check ends with a message that is given up, and the next message has its own.
func TestCheckEndsWithTheMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, world, resolvertest.Silent("slow.example"))
		srv := miltertest.NewServer(t, filter(t, spf.Config{Resolver: dns}))
		conn := srv.Dial(t)
		_, err := conn.Mail(t.Context(), "<ann@slow.example>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		require.NoError(t, conn.Abort())
		res := conn.Run(t, letter("ann@good.example"))
		assert.Contains(t, res.Header("Authentication-Results"), "spf=pass smtp.mailfrom=ann@good.example")
	})
}

// A DNS that does not answer costs its time once, and no message: it is accepted with a
// result that authenticates nothing, or the policy decides. It never passes.
func TestDeadDNS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy spf.Policy
		limit  time.Duration // of the server for the end of a message
		took   time.Duration
		reply  string
	}{
		"accepted":                   {spf.Policy{Fail: spf.Reject}, time.Minute, 20 * time.Second, ""},
		"tempfail":                   {spf.Policy{TempError: spf.TempFail}, time.Minute, 20 * time.Second, "451 4.7.24 SPF check of MAIL FROM: temperror, TXT good.example: no answer from the DNS"},
		"reject":                     {spf.Policy{TempError: spf.Reject}, time.Minute, 20 * time.Second, "550 5.7.24 SPF check of MAIL FROM: temperror, TXT good.example: no answer from the DNS"},
		"the server's limit is less": {spf.Policy{}, 10 * time.Second, 10 * time.Second, "451 4.3.0 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dns := resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, world, resolvertest.Silent("."))
				f := filter(t, spf.Config{Resolver: dns, MailFrom: c.policy})
				began := time.Now()
				res := miltertest.Run(t, f, letter("ann@good.example"), miltertest.Configure(func(cfg *framework.Config) { cfg.MessageTimeout = c.limit }))
				assert.Equal(t, c.took, time.Since(began).Truncate(time.Second))
				if c.reply == "" {
					res.AssertAccepted(t)
					assert.Contains(t, res.Header("Authentication-Results"), "spf=temperror")
				}
				assert.Contains(t, res.Reply(), c.reply)
			})
		})
	}
}

// A check that cannot end gives the message to the policy of the lane, and nothing passes.
func TestLanePolicy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := resolvertest.NewConfig(t, resolver.Config{Timeout: time.Hour}, world, resolvertest.Silent("."))
		f := filter(t, spf.Config{Resolver: dns})
		res := miltertest.Run(t, f, letter("ann@good.example"), miltertest.Lane(framework.FailOpen()))
		res.AssertUnmodified(t)
	})
}

// TestWithoutAName has an MTA that does not say its name. The message is refused and not
// delivered without results.
func TestWithoutAName(t *testing.T) {
	t.Parallel()
	f, err := spf.New(spf.Config{Resolver: resolvertest.New(t, world)})
	require.NoError(t, err)
	miltertest.Run(t, f, letter("ann@good.example", miltertest.Macro(framework.StageConnect, "j", "")), quiet()).AssertTempFailed(t)
	res := miltertest.Run(t, f, letter("ann@good.example", miltertest.Macro(framework.StageConnect, "j", "mx.example.com")))
	assert.Contains(t, res.Header("Authentication-Results"), "mx.example.com;\n\tspf=pass")
}

// TestDryRun reports and changes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	f := filter(t, spf.Config{MailFrom: spf.Policy{Fail: spf.Reject}})
	miltertest.Run(t, f, letter("ann@bad.example"), miltertest.Lane(framework.DryRun())).AssertUnmodified(t)
}
