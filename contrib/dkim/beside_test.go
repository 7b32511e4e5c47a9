package dkim_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// sendHeader sends a message up to the end of its header, and returns the body.
func sendHeader(t *testing.T, conn *miltertest.Conn, text string) (body []byte) {
	t.Helper()
	msg := miltertest.Message(text)
	_, err := conn.Mail(t.Context(), "<ann@example.org>")
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(msg.Bytes()), "\r\n\r\n")
	require.True(t, ok)
	for field := range strings.SplitSeq(strings.ReplaceAll(head, "\r\n ", "\x00 "), "\r\n") {
		name, value, _ := strings.Cut(strings.ReplaceAll(field, "\x00", "\n"), ":")
		_, err = conn.Header(t.Context(), name, value)
		require.NoError(t, err)
	}
	_, err = conn.EndOfHeaders(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	return []byte(rest)
}

// The keys are looked up while the MTA sends the body: only the rest of the time is waited
// for at the end. If no function may run beside the session, all of it is.
func TestLookupsBesideTheSession(t *testing.T) {
	t.Parallel()
	signed := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd}, fromAnn, "x\n")
	for name, c := range map[string]struct {
		most int
		took time.Duration
	}{"beside": {0, time.Second}, "too many functions": {1, 3 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dns := &counting{zone: publish(t, key(t, "example.org", "e", "ed25519")), after: 3 * time.Second}
				verifier, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{AuthservID: "mx.example", Resolver: dns}})
				require.NoError(t, err)
				r := framework.NewRouter()
				r.Mount(miltertest.FilterFunc("other", func(r *framework.Router) error {
					value := framework.Async[int](r)
					r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
						return value.Start(s, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil })
					})
					return nil
				}))
				r.Mount(verifier)
				conn := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = c.most })).Dial(t)
				body := sendHeader(t, conn, signed)
				time.Sleep(2 * time.Second)
				began := time.Now()
				resp, mods, err := conn.EndOfMessage(t.Context(), body)
				require.NoError(t, err)
				assert.Equal(t, wire.RepContinue, resp.Code)
				assert.Equal(t, c.took, time.Since(began))
				require.Len(t, mods, 1)
				added, ok := mods[0].(*wire.InsertHeader)
				require.True(t, ok, "%T", mods[0])
				assert.Contains(t, added.Value, "dkim=pass")
			})
		})
	}
}

// The lookups end with a message that is given up, and the next message has its own keys.
func TestLookupsEndWithTheMessage(t *testing.T) {
	t.Parallel()
	signed := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd}, fromAnn, "x\n")
	synctest.Test(t, func(t *testing.T) {
		z := publish(t, key(t, "example.org", "e", "ed25519"))
		asked, ended := 0, make(chan error, 1)
		dns := resolverFunc(func(ctx context.Context, name string) ([]string, error) {
			if asked++; asked > 1 {
				return z.LookupTXT(ctx, name)
			}
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil, ctx.Err()
		})
		verifier, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{AuthservID: "mx.example", Resolver: dns}})
		require.NoError(t, err)
		conn := miltertest.NewServer(t, verifier).Dial(t)
		sendHeader(t, conn, signed)
		require.NoError(t, conn.Abort())
		require.NoError(t, conn.Flush(t.Context()))
		assert.ErrorIs(t, <-ended, framework.ErrMessageOver)
		res := conn.Run(t, miltertest.Message(signed))
		res.AssertAccepted(t)
		assert.Contains(t, res.Header("Authentication-Results"), "dkim=pass")
	})
}
