package arc_test

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// quiet keeps the server from logging.
func quiet() miltertest.Option {
	return miltertest.Configure(func(c *framework.Config) { c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil)) })
}

// TestVerifierOfTheKit runs the filter with every mail server of the test kit.
func TestVerifierOfTheKit(t *testing.T) {
	t.Parallel()
	z := published(t, domains...)
	miltertest.TestFilter(t, verifier(t, z), miltertest.Messages(
		miltertest.Message(letter), miltertest.Message(sealed(t, 3, letter)),
		miltertest.Message("Authentication-Results: mx.example.net; arc=pass\n"+sealed(t, 1, letter)),
	))
}

func TestResultsInField(t *testing.T) {
	t.Parallel()
	z := published(t, domains...)
	f := verifier(t, broken{z, "arc._domainkey.four"})
	for name, c := range map[string]struct{ message, want string }{
		"none": {letter, "arc=none"},
		"one":  {sealed(t, 1, letter), "arc=pass smtp.remote-ip=192.0.2.1 header.oldest-pass=0 arc.chain=one.example"},
		"three": {sealed(t, 3, letter), "arc=pass smtp.remote-ip=192.0.2.1 header.oldest-pass=0\n" +
			"\t arc.chain=\"three.example:two.example:one.example\""},
		"changed":   {change(t, sealed(t, 1, letter), "hello", "help"), "arc=fail reason=\"the ARC-Message-Signature of instance 1 did not verify\"\n\t smtp.remote-ip=192.0.2.1"},
		"malformed": {"ARC-Seal: moo\r\n" + letter, "arc=fail reason=\"an ARC-Seal is malformed\" smtp.remote-ip=192.0.2.1"},
		"temporary": {sealed(t, 4, letter), "arc=fail\n\t reason=\"the ARC-Message-Signature of instance 4 was not verified: the DNS did not answer for its key\"\n\t smtp.remote-ip=192.0.2.1"},
	} {
		for _, personality := range miltertest.Personalities() {
			res := miltertest.Run(t, f, miltertest.Message(c.message), miltertest.As(personality))
			res.AssertAccepted(t)
			assert.Equal(t, "mx.example.net;\n\t"+c.want, res.Header("Authentication-Results"), name)
		}
	}
	res := miltertest.Run(t, f, miltertest.Message(sealed(t, 1, letter), miltertest.Client("2001:db8::1")))
	assert.Contains(t, res.Header("Authentication-Results"), `smtp.remote-ip="2001:db8::1"`)
}

// TestForged removes fields that claim to be of this host, and keeps those of others.
func TestForged(t *testing.T) {
	t.Parallel()
	const forged = "Authentication-Results: MX.example.net; arc=pass\nAuthentication-Results: (x) \"old.example.net\" 1; arc=pass\n" +
		"Authentication-Results: mx.example.com; arc=pass\n"
	cfg := arc.VerifierConfig{
		Resolver: zone{}, AuthservID: "mx.example.net", AlsoRemove: []string{"old.example.net"},
		KeepResultsFrom: []netip.Prefix{netip.MustParsePrefix("::ffff:198.51.100.0/120")},
	}
	f, err := arc.NewVerifier(cfg)
	require.NoError(t, err)
	res := miltertest.Run(t, f, miltertest.Message(forged+letter))
	assert.Equal(t, []string{"mx.example.net;\n\tarc=none", "mx.example.com; arc=pass"}, res.HeaderValues("Authentication-Results"))
	res = miltertest.Run(t, f, miltertest.Message(forged+letter, miltertest.Client("198.51.100.7")))
	assert.Len(t, res.HeaderValues("Authentication-Results"), 4)
}

func TestDefaultName(t *testing.T) {
	t.Parallel()
	f, err := arc.NewVerifier(arc.VerifierConfig{Resolver: zone{}})
	require.NoError(t, err)
	assert.Equal(t, "arc", f.Name())
	res := miltertest.Run(t, f, miltertest.Message(letter))
	assert.Equal(t, "mx.example.org;\n\tarc=none", res.Header("Authentication-Results"), "the macro j")
	res = miltertest.Run(t, f, miltertest.Message(letter, miltertest.Macro(framework.StageConnect, "j", "")))
	res.AssertTempFailed(t)
}

// TestResultsOf reads the result in filters around the verifier.
func TestResultsOf(t *testing.T) {
	t.Parallel()
	type seen struct {
		r  arc.Result
		ok bool
	}
	reader := func(name string, to *seen) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				to.r, to.ok = arc.ResultsOf(s)
				return framework.Continue, nil
			})
			return nil
		})
	}
	var before, behind seen
	r := framework.NewRouter()
	r.Mount(reader("before", &before))
	r.Mount(verifier(t, published(t, domains...)))
	r.Mount(reader("behind", &behind))
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	conn.Run(t, miltertest.Message(sealed(t, 2, letter))).AssertAccepted(t)
	assert.False(t, before.ok)
	assert.True(t, behind.ok)
	assert.Equal(t, arc.Pass, behind.r.Status)
	require.Len(t, behind.r.Sets, 2)
	assert.Equal(t, "mx.two.example", behind.r.Sets[1].Results.ID)
	conn.Run(t, miltertest.Message(letter)).AssertAccepted(t)
	assert.False(t, before.ok, "nothing is left of the last message")
	assert.Equal(t, arc.Result{Status: arc.None}, behind.r)
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []arc.Status
	f, err := arc.NewVerifier(arc.VerifierConfig{
		Resolver: published(t, domains...), AuthservID: "mx", Observe: func(r arc.Result) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, r.Status)
		},
	})
	require.NoError(t, err)
	conn := miltertest.NewServer(t, f).Dial(t)
	for _, message := range []string{letter, sealed(t, 1, letter), change(t, sealed(t, 1, letter), "hello", "help")} {
		conn.Run(t, miltertest.Message(message))
	}
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []arc.Status{arc.None, arc.Pass, arc.Fail}, seen)
}

func TestVerifierLog(t *testing.T) {
	t.Parallel()
	f := verifier(t, published(t, domains...))
	res := miltertest.Run(t, f, miltertest.Message("Authentication-Results: mx.example.net; arc=pass\n"+change(t, sealed(t, 2, letter), "hello", "help")))
	found := false
	for _, r := range res.Logs {
		if r.Message == "chain verified" {
			found = true
			for key, want := range map[string]string{
				"result": "fail", "reason": "the ARC-Message-Signature of instance 2 did not verify", "domain": "two.example", "instances": "2",
			} {
				value, ok := miltertest.LogAttr(r, key)
				assert.True(t, ok, key)
				assert.Equal(t, want, value.String(), key)
			}
		}
	}
	assert.True(t, found)
}

// late is a DNS that answers after some time.
type late struct {
	zone
	after time.Duration
}

func (l late) LookupTXT(ctx context.Context, name string) ([]string, error) {
	select {
	case <-time.After(l.after):
		return l.zone.LookupTXT(ctx, name)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestLookupsBesideTheSession sends the body later than the header. The keys are looked up in
// between, unless no function may run beside the session. Behind a filter that may edit the header,
// they are looked up together with what the others do at the end of the message.
func TestLookupsBesideTheSession(t *testing.T) {
	t.Parallel()
	z, message := published(t, domains...), sealed(t, 2, letter)
	for name, c := range map[string]struct {
		most   int
		before bool // another filter, which waits for a second
		took   time.Duration
	}{
		"beside":             {0, false, time.Second},
		"too many functions": {1, false, 3 * time.Second},
		"behind an editor":   {0, true, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				r.Mount(occupier())
				if c.before {
					r.Mount(waiter())
				}
				r.Mount(verifier(t, late{z, 3 * time.Second}))
				conn := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = c.most })).Dial(t)
				_, err := conn.Connect(t.Context(), &wire.Connect{Host: []byte("localhost"), Family: wire.FamilyInet, Port: 25, Address: []byte("127.0.0.1")})
				require.NoError(t, err)
				body := sendHeader(t, conn, message)
				time.Sleep(2 * time.Second)
				_, err = conn.Body(t.Context(), body)
				require.NoError(t, err)
				begin := time.Now()
				_, mods, err := conn.EndOfMessage(t.Context(), nil)
				require.NoError(t, err)
				assert.NotEmpty(t, mods)
				assert.Equal(t, c.took, time.Since(begin))
			})
		})
	}
}

// occupier is a filter with a function that runs beside the session until the message ends.
func occupier() framework.Filter {
	return miltertest.FilterFunc("occupier", func(r *framework.Router) error {
		value := framework.Async[int](r)
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
			return value.Start(s, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil })
		})
		return nil
	})
}

// waiter is a filter that may edit the header, and waits for the DNS as long as the verifier.
func waiter() framework.Filter {
	return miltertest.FilterFunc("waiter", func(r *framework.Router) error {
		r.GrantChangeHeader()
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			time.Sleep(3 * time.Second)
			return framework.Continue, nil
		})
		return nil
	})
}

// sendHeader sends a message up to the end of its header, and returns the body.
func sendHeader(t *testing.T, conn *miltertest.Conn, text string) (body []byte) {
	t.Helper()
	msg := miltertest.Message(text)
	_, err := conn.Mail(t.Context(), "<ann@example.org>")
	require.NoError(t, err)
	for _, f := range msg.Header {
		_, err = conn.Header(t.Context(), f.Name, f.Value)
		require.NoError(t, err)
	}
	_, err = conn.EndOfHeaders(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	return msg.Body
}

// TestBehindAnEditor verifies the message as the earlier filters have left it: one that changes
// the chain itself, or what it signs.
func TestBehindAnEditor(t *testing.T) {
	t.Parallel()
	z, message := published(t, domains...), sealed(t, 2, letter)
	for name, c := range map[string]struct{ field, value, want string }{
		"nothing":  {"X-Other", "x", "arc=pass"},
		"the text": {"Subject", "help", "arc=fail reason=\"the ARC-Message-Signature of instance 2 did not verify\""},
		"a set":    {"ARC-Seal", "moo", "arc=fail reason=\"an ARC-Seal is malformed\""},
		"the key":  {"ARC-Seal", "i=2; a=rsa-sha256; cv=pass; d=five.example; s=arc; b=AAAA", "arc=fail reason=\"the ARC-Seal of instance 2 did not verify\""},
	} {
		r := framework.NewRouter()
		r.Mount(miltertest.FilterFunc("editor", func(r *framework.Router) error {
			headers, change := r.WantHeaders(), r.GrantChangeHeader()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				if f, ok := headers.First(s, c.field); ok {
					return framework.Continue, change.Change(s, f.Handle, c.value)
				}
				return framework.Continue, nil
			})
			return nil
		}))
		r.Mount(verifier(t, z))
		res := miltertest.RunRouter(t, r, miltertest.Message(message))
		assert.Contains(t, res.Header("Authentication-Results"), c.want, name)
	}
}

// TestMemory refuses a message whose header does not fit into the memory of the server. A message
// without a chain needs none.
func TestMemory(t *testing.T) {
	t.Parallel()
	padding := strings.Repeat("X-Field: "+strings.Repeat("x", 500)+"\n", 200)
	f := verifier(t, published(t, domains...))
	for message, want := range map[string]string{
		padding + letter: "", padding + sealed(t, 1, letter): "452 4.3.1 the mail filter is short of storage, try again later",
	} {
		res := miltertest.Run(t, f, miltertest.Message(message), quiet(),
			miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = 200 << 10 }))
		assert.Equal(t, want, res.Reply())
	}
}

func TestVerifierConfig(t *testing.T) {
	t.Parallel()
	_, err := arc.NewVerifier(arc.VerifierConfig{
		AuthservID: "two words", AlsoRemove: []string{"*.example", ""}, KeepResultsFrom: make([]netip.Prefix, 1), MinBits: 1,
	})
	assert.EqualError(t, err, "arc: configuration: no resolver\nthe minimum size of RSA keys is less than 1024 bits\n"+
		"\"two words\" is not a name of a host\n\"*.example\" is not a name of a host: an asterisk matches only itself, so write each name\n"+
		"a name in AlsoRemove is empty\nKeepResultsFrom: a network is not valid")
	f, err := arc.NewVerifier(arc.VerifierConfig{Name: "mine", Resolver: dkim.Resolver(zone{})})
	require.NoError(t, err)
	assert.Equal(t, "mine", f.Name())
}
