//go:build integration

package dkim_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// behind is a mail server whose filter can be replaced for each session.
type behind struct {
	*realmta.Gate
	mta     realmta.MTA
	servers []*framework.Server
	sent    int
}

func newBehind(t *testing.T, server realmta.MTA) *behind {
	t.Helper()
	b := &behind{mta: server, Gate: realmta.OpenGate(t, server.Listen(t, "unix"))}
	t.Cleanup(func() {
		for _, srv := range b.servers {
			_ = srv.Close()
		}
	})
	server.SetFilters(t, b.Addr())
	return b
}

func (b *behind) use(t *testing.T, filters ...framework.Filter) {
	t.Helper()
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	b.servers = append(b.servers, srv)
	b.Serve(srv.ServeConn)
}

// send delivers a message in a separate session. It returns the delivered
// message without the server's own Received field.
func (b *behind) send(t *testing.T, data string) string {
	t.Helper()
	b.sent++
	to := fmt.Sprintf("m%d@example.test", b.sent)
	client := realmta.DialSMTP(t, b.mta.Addr())
	client.Cmd("EHLO client.example.test")
	code, text := client.Deliver(realmta.Message{From: "ann@example.org", FromArgs: "BODY=8BITMIME", To: []string{to}, Data: []byte(crlf(data))})
	require.Equal(t, 250, code, text)
	client.Cmd("QUIT")
	got := b.mta.Sink().Await(t, realmta.ToRecipient(to))
	return crlf(string(bytes.ReplaceAll(got.WithoutTrace(), []byte("\r\n"), []byte("\n"))))
}

// TestThroughMailServers signs and verifies messages that real servers deliver,
// with every pair of canonicalizations.
func TestThroughMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			keys := []dkim.Key{key(t, "example.org", "r", "rsa"), key(t, "example.org", "e", "ed25519")}
			z := publish(t, keys...)
			for i, s := range throughServers(24) {
				cfg := forExample(keys...)
				cfg.Header, cfg.Body = pairs[i%4].header, pairs[i%4].body
				b.use(t, signer(t, cfg))
				arrived := b.send(t, s)
				require.Len(t, secondOpinion(t, z, arrived), 2, pairs[i%4].name)

				f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: z, AuthservID: "mx.example.net"}})
				require.NoError(t, err)
				b.use(t, f)
				again := b.send(t, arrived)
				assert.Equal(t, 2, strings.Count(again, "\tdkim=pass"), "%s\n%s", pairs[i%4].name, again)
			}
		})
	}
}

// throughServers are messages that neither server changes in transit.
func throughServers(n int) []string {
	var all []string
	for _, s := range asMTAsSend(samples(n)) {
		kept := s.header[:0]
		for _, h := range s.header {
			// Sendmail writes lists of addresses anew.
			if !strings.EqualFold(h.Name, "To") && !strings.EqualFold(h.Name, "From") {
				kept = append(kept, h)
			}
		}
		s.header = kept
		all = append(all, "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"+s.text())
	}
	return all
}

// TestForgedResultsThroughMailServers sends messages with 0 to 20 forged and
// foreign fields in random order.
func TestForgedResultsThroughMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net"}})
			require.NoError(t, err)
			b.use(t, f)
			rnd := rand.New(rand.NewPCG(7, 8))
			check := func(fields, stay []string) {
				arrived := b.send(t, strings.Join(append(fields, fromAnn), "\n")+"\nx\n")
				assert.Equal(t, append([]string{"Authentication-Results: mx.example.net;\n\tdkim=none"}, stay...), resultsIn(arrived), "%q", fields)
			}
			for n := range 21 {
				check(shuffled(rnd, n))
			}
			for all := range slices.Chunk(forgedResults(), 10) { // none is left out by chance
				check(all, nil)
			}
			check(foreignResults(), foreignResults())
		})
	}
}

// resultsIn returns the fields of a message whose names end like
// Authentication-Results.
func resultsIn(message string) []string {
	var found []string
	header, _, _ := strings.Cut(strings.ReplaceAll(message, "\r\n", "\n"), "\n\n")
	unfolded := strings.NewReplacer("\n\t", "\x00\t", "\n ", "\x00 ").Replace(header)
	for field := range strings.SplitSeq(unfolded, "\n") {
		name, _, _ := strings.Cut(field, ":")
		if strings.HasSuffix(strings.ToLower(name), "authentication-results") {
			found = append(found, strings.ReplaceAll(field, "\x00", "\n"))
		}
	}
	return found
}
