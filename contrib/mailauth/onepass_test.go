package mailauth_test

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

var update = flag.Bool("update", false, "write the golden files")

// editor is a filter that may change the header, and marks each message.
func editor() framework.Filter {
	return miltertest.FilterFunc("editor", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.InsertTop(s, "X-Editor", "was here")
		})
		return nil
	})
}

// behindEditor returns a router with a filter that edits the header before the Authenticator.
func behindEditor(t testing.TB, cfg mailauth.Config) *framework.Router {
	t.Helper()
	cfg.AuthservID = id
	a, err := mailauth.New(cfg)
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(editor())
	a.Mount(r)
	return r
}

// sendHeader sends a message up to the end of its header, and returns a function that sends the
// body and returns the field.
func sendHeader(t *testing.T, r *framework.Router, msg *mta.Message, opts ...miltertest.Option) (end func() string) {
	t.Helper()
	conn := miltertest.NewRouterServer(t, r, opts...).Dial(t)
	ctx := t.Context()
	_, err := conn.Connect(ctx, &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")})
	require.NoError(t, err)
	_, err = conn.Helo(ctx, "client.example.org")
	require.NoError(t, err)
	_, err = conn.Mail(ctx, "<ann@good.example>")
	require.NoError(t, err)
	_, err = conn.Rcpt(ctx, "<bob@example.net>")
	require.NoError(t, err)
	for _, f := range msg.Header {
		_, err = conn.Header(ctx, f.Name, f.Value)
		require.NoError(t, err)
	}
	_, err = conn.EndOfHeaders(ctx)
	require.NoError(t, err)
	require.NoError(t, conn.Flush(ctx))
	return func() string {
		_, mods, err := conn.EndOfMessage(ctx, []byte("How are you?\r\n"))
		require.NoError(t, err)
		for _, m := range mods {
			if f, ok := m.(*wire.InsertHeader); ok && f.Name == "Authentication-Results" {
				return f.Value
			}
		}
		return ""
	}
}

// When the header is complete and before the body comes, all lookups are under way at once: none
// of the name servers has answered, and each method has asked.
func TestAllLookupsBeginBeforeTheBody(t *testing.T) {
	t.Parallel()
	release, asked := make(chan struct{}), make(chan string, 100)
	server := &nameserver{texts: goodTexts(t), asked: func(name string) {
		asked <- name
		<-release
	}}
	dns := server.start(t, resolver.Config{Timeout: time.Hour})
	r := router(t, mailauth.Config{Resolver: dns, Timeout: patience, DMARC: dmarc.Config{Actions: dmarc.Actions{Quarantine: dmarc.AddField, Reject: dmarc.Hold}}})
	end := sendHeader(t, r, all(t), unhurried())
	missing := map[string]bool{"good.example.": true, "s._domainkey.good.example.": true, "_dmarc.good.example.": true, "client.example.org.": true}
	for len(missing) > 0 { // the test hangs if one does not begin
		delete(missing, <-asked)
	}
	close(release)
	field := end()
	for _, want := range []string{"spf=pass", "dkim=pass", "arc=pass", "dmarc=pass"} {
		assert.Contains(t, field, want)
	}
}

// TestPlan compares what the filters ask of the MTA with golden files: only the last one asks for
// rights to edit.
func TestPlan(t *testing.T) {
	t.Parallel()
	sealer := &arc.SealerConfig{Domain: id, Selector: "s", Signer: key()}
	for name, cfg := range map[string]mailauth.Config{"plain": {}, "seal": {Sealer: sealer}} {
		cfg.Resolver, cfg.AuthservID = resolvertest.New(t, world), id
		a, err := mailauth.New(cfg)
		require.NoError(t, err)
		r := framework.NewRouter()
		a.Mount(r)
		a.MountSealer(r)
		plan, err := r.Plan()
		require.NoError(t, err)
		var got strings.Builder
		for word := range strings.SplitAfterSeq(plan.String(), ".go:") {
			got.WriteString(strings.TrimLeft(word, "0123456789"))
		}
		golden := "testdata/" + name + ".golden"
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, string(want), got.String())
	}
}

// The framework keeps no body for the Authenticator: a message that is larger than all memory and
// disk it may use is checked. Behind a filter that edits the header, the body must be kept.
func TestNoBodyIsKept(t *testing.T) {
	t.Parallel()
	msg := letter("good.example")
	msg.Body = []byte(strings.Repeat("How are you? The weather is fine here.\r\n", 30_000))
	msg = signed(t, msg, "good.example")
	small := miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget, cfg.DiskBudget = 100<<10, 100<<10 })
	cfg := mailauth.Config{Resolver: resolvertest.New(t, world+keyZone(t, "good.example"))}
	res := miltertest.RunRouter(t, router(t, cfg), msg, small)
	res.AssertAccepted(t)
	assert.Contains(t, res.Header("Authentication-Results"), "dkim=pass")
	assert.Equal(t, "552 5.3.4 message body too large for the mail filter", miltertest.RunRouter(t, behindEditor(t, cfg), msg, small).Reply())
}

// Behind filters that edit the header, the Authenticator does the same, when the message is
// complete.
func TestBehindEditor(t *testing.T) {
	t.Parallel()
	var o seen
	cfg := mailauth.Config{Resolver: resolvertest.New(t, world+keyZone(t, "good.example")), Observe: o.observe}
	msg := all(t)
	msg.Header = append([]mta.Field{{Name: "Authentication-Results", Value: " " + id + "; dmarc=pass header.from=bank.example"}}, msg.Header...)
	plain := miltertest.RunRouter(t, router(t, cfg), msg)
	behind := miltertest.RunRouter(t, behindEditor(t, cfg), msg)
	assert.Equal(t, "was here", behind.Header("X-Editor"))
	require.Len(t, plain.HeaderValues("Authentication-Results"), 2, "one is of the sealer, which is another host")
	assert.Equal(t, plain.HeaderValues("Authentication-Results"), behind.HeaderValues("Authentication-Results"))
	assert.Equal(t, counts(o.list[0]), counts(o.list[1]))
	assert.Equal(t, "pass", counts(o.list[1])["arc"])
}

// failingSPF makes the filter of SPF fail at the end of the message.
func failingSPF(rt *framework.Route, next framework.Handler) framework.Handler {
	if rt.Filter() != "spf" || rt.Stage() != framework.StageEndOfMessage {
		return next
	}
	return func(*framework.Session, framework.Event) (framework.Verdict, error) {
		return framework.Continue, errors.New("a fault")
	}
}

// quiet logs to nowhere: the kit takes an error in the log for a fault of the test.
func quiet() miltertest.Option {
	return miltertest.Configure(func(c *framework.Config) { c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil)) })
}

// In a dry run nothing is written or removed. If a method fails open, its results are not in the
// field, those of the others are, and DMARC rejects nothing for lack of them.
func TestLaneOptions(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, world)
	for name, c := range map[string]struct {
		opts []framework.LaneOption
		want []string
	}{
		"closed":  {nil, nil},
		"dry run": {[]framework.LaneOption{framework.DryRun()}, []string{id + "; spf=pass"}},
		"open":    {[]framework.LaneOption{framework.FailOpen()}, []string{id + ";\n\tdkim=none;\n\tarc=none;\n\tdmarc=temperror reason=\"The results of spf are not known\"\n\t header.from=good.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := mailauth.New(mailauth.Config{Resolver: dns, AuthservID: id})
			require.NoError(t, err)
			r := framework.NewRouter()
			r.Use(failingSPF)
			a.Mount(r, c.opts...)
			msg := letter("good.example")
			msg.Header = append([]mta.Field{{Name: "Authentication-Results", Value: " " + id + "; spf=pass"}}, msg.Header...)
			res := miltertest.RunRouter(t, r, msg, quiet())
			if c.want == nil {
				res.AssertTempFailed(t)
				return
			}
			res.AssertAccepted(t)
			assert.Equal(t, c.want, res.HeaderValues("Authentication-Results"))
		})
	}
}

// If all methods fail open, forged results are removed nevertheless, and no field claims that
// nothing was checked.
func TestAllFailOpen(t *testing.T) {
	t.Parallel()
	a, err := mailauth.New(mailauth.Config{
		Resolver: resolvertest.New(t, world), AuthservID: id, NoDKIM: true, NoARC: true, NoDMARC: true,
	})
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Use(failingSPF)
	a.Mount(r, framework.FailOpen())
	msg := letter("good.example")
	msg.Header = append([]mta.Field{{Name: "Authentication-Results", Value: " " + id + "; spf=pass"}}, msg.Header...)
	res := miltertest.RunRouter(t, r, msg, quiet())
	res.AssertAccepted(t)
	assert.Empty(t, res.HeaderValues("Authentication-Results"))
}
