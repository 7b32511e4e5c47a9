//go:build integration

package arc_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// prepender adds fields everywhere: above all others, at the top, and at the bottom.
func prepender(name string) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for i := range 3 {
				if err := add.Prepend(s, "X-Above", fmt.Sprint(i)); err != nil {
					return framework.Continue, err
				}
				if err := add.InsertTop(s, "X-Top", fmt.Sprint(i)); err != nil {
					return framework.Continue, err
				}
			}
			return framework.Continue, add.Append(s, "X-Bottom", "x")
		})
		return nil
	})
}

// tagger changes the subject, and the body.
func tagger() framework.Filter {
	return miltertest.FilterFunc("tagger", func(r *framework.Router) error {
		headers, change, body := r.WantHeaders(), r.GrantChangeHeader(), r.GrantReplaceBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			subject, _ := headers.First(s, "Subject")
			if err := change.Change(s, subject.Handle, "[list] "+subject.Value); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, body.Replace(s, []byte("How are you all?\r\n"))
		})
		return nil
	})
}

// host is a real server with filters as the host of a domain.
type host struct {
	mta  realmta.MTA
	gate *realmta.Gate
	sent int
}

// send delivers a message through the filters of a domain: DKIM and ARC verify it, others edit
// it, and the sealer is the last.
func (h *host) send(t *testing.T, z zone, domain, message string, others ...framework.Filter) string {
	t.Helper()
	cfg := hop(t, domain)
	cfg.Networks = []netip.Prefix{} // the client of the test is on this host
	sealer, err := arc.NewSealer(cfg)
	require.NoError(t, err)
	v, err := arc.NewVerifier(arc.VerifierConfig{Resolver: z, AuthservID: cfg.AuthservID, Now: clock})
	require.NoError(t, err)
	d, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: z, AuthservID: cfg.AuthservID}})
	require.NoError(t, err)
	r := framework.NewRouter()
	for _, f := range append(append([]framework.Filter{d, v}, others...), sealer) {
		r.Mount(f)
	}
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { _ = srv.Close() }()
	h.gate.Serve(srv.ServeConn)
	h.sent++
	to := fmt.Sprintf("m%d@example.test", h.sent)
	client := realmta.DialSMTP(t, h.mta.Addr())
	defer client.Close()
	client.Cmd("EHLO client.example.test")
	code, text := client.Deliver(realmta.Message{From: "ann@example.org", To: []string{to}, Data: []byte(message)})
	require.Equal(t, 250, code, text)
	return string(h.mta.Sink().Await(t, realmta.ToRecipient(to)).Data)
}

// names returns the names of the first fields of a message.
func names(message string, n int) (list []string) {
	for line := range strings.SplitSeq(message, "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.ContainsAny(name, " \t") && len(list) < n {
			list = append(list, name)
		}
	}
	return list
}

// TestSealsBehindMailServers passes messages on from host to host, each behind a real server with
// filters that edit. The three fields are on top of each message as it was delivered, in one block
// and in their order. The chain is valid for this package and for dkimpy.
func TestSealsBehindMailServers(t *testing.T) {
	t.Parallel()
	p := newDkimpy(t)
	z := published(t, domains...)
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			h := &host{mta: server, gate: realmta.OpenGate(t, server.Listen(t, "unix"))}
			server.SetFilters(t, h.gate.Addr())
			message := letter
			for i, domain := range domains[:3] {
				others := []framework.Filter{prepender("first")}
				if i == 1 {
					others = append(others, tagger(), prepender("second"))
				}
				message = h.send(t, z, domain, message, others...)
				assert.Equal(t, []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"}, names(message, 3))
				r := verify(t, z, message)
				require.Equal(t, arc.Pass, r.Status, "%s\n%s", r.Reason, message)
				require.Equal(t, i+1, r.Instances)
				require.Len(t, r.Sets[i].Results.Results, 2, "of DKIM and ARC")
				assert.Equal(t, []int{0, 2, 2}[i], r.OldestPass, "the second host has changed what the first signed")
				p.write(t, fmt.Sprintf("%s/%d.eml", strings.ReplaceAll(name, " ", "_"), i), message)
			}
			assert.Contains(t, message, "[list] hello")
			assert.Contains(t, message, "Authentication-Results: mx.three.example;")
			assert.Equal(t, "0.eml pass\n1.eml pass\n2.eml pass\n", p.run(t, "verify", strings.ReplaceAll(name, " ", "_")))
		})
	}
}
