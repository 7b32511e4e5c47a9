//go:build integration

package dkim_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// addOpenDKIM starts an OpenDKIM next to our filter's socket, in a directory
// that the mail server can access. It returns its address.
func (b *behind) addOpenDKIM(t *testing.T, p *peerKeys, name string, settings ...string) net.Addr {
	t.Helper()
	socket := filepath.Join(filepath.Dir(b.Addr().String()), name)
	p.openDKIMAt(t, socket, settings...)
	return &net.UnixAddr{Net: "unix", Name: socket}
}

// TestPeersVerifyThroughMailServers delivers mail that this package signs
// through real servers. OpenDKIM, which follows our filter in their lists, and
// finally dkimpy verify it.
func TestPeersVerifyThroughMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeerKeys(t)
			b := newBehind(t, start(t))
			b.mta.SetFilters(t, b.Addr(), b.addOpenDKIM(t, p, "od", "Mode v", "AlwaysAddARHeader yes"))
			all := throughServers(messages)
			for i, s := range all {
				cfg := forExample(p.keys...)
				cfg.Header, cfg.Body = pairs[i%4].header, pairs[i%4].body
				b.use(t, signer(t, cfg))
				arrived := b.send(t, s)
				results := resultsIn(arrived)
				require.Len(t, results, 1)
				assert.Equal(t, 2, strings.Count(results[0], "dkim=pass"), "%s %s\n%s", pairs[i%4].name, results[0], arrived)
				p.write(t, fmt.Sprintf("verify/%03d.eml", i), arrived)
			}
			lines := strings.Split(strings.TrimSpace(p.python(t, "verify")), "\n")
			require.Len(t, lines, messages)
			for i, line := range lines {
				assert.Equal(t, fmt.Sprintf("%03d.eml pass pass", i), line, "%s %q", pairs[i%4].name, all[i])
			}
		})
	}
}

// TestWeVerifyPeersThroughMailServers delivers mail that dkimpy has signed
// through real servers. OpenDKIM, which precedes our filter in their lists,
// also signs it.
func TestWeVerifyPeersThroughMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeerKeys(t)
			signed := p.signedByDkimpy(t, throughServers(messages))
			b := newBehind(t, start(t))
			f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: p.zone, AuthservID: "mx.example.net"}})
			require.NoError(t, err)
			b.use(t, f)
			for c, pair := range pairs {
				peer := b.addOpenDKIM(t, p, fmt.Sprintf("od%d", c), "Mode s", "Domain example.org", "Selector r", "KeyFile "+p.files[0], "Canonicalization "+pair.name)
				b.mta.SetFilters(t, peer, b.Addr())
				for i := c; i < messages; i += len(pairs) {
					results := resultsIn(b.send(t, signed[i]))
					require.Len(t, results, 1)
					assert.Equal(t, 2, strings.Count(results[0], "dkim=pass"), "%s %s\n%s", pair.name, results[0], signed[i])
				}
			}
		})
	}
}

// signedByDkimpy returns messages that dkimpy has signed, with both algorithms
// and all canonicalizations in turn.
func (p *peerKeys) signedByDkimpy(t *testing.T, texts []string) []string {
	t.Helper()
	for i, text := range texts {
		algorithm, selector, file := "rsa-sha256", "r", p.files[0]
		if i/4%2 == 1 {
			algorithm, selector, file = "ed25519-sha256", "e", p.seed
		}
		name := fmt.Sprintf("sign/%03d.", i)
		p.write(t, name+"eml", text)
		p.write(t, name+"how", strings.Join([]string{"example.org", selector, file, algorithm, strings.ReplaceAll(pairs[i%4].name, "/", " "), "whole"}, " "))
	}
	p.python(t, "sign")
	signed := make([]string, len(texts))
	for i := range texts {
		text, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf("sign/%03d.signed", i)))
		require.NoError(t, err)
		signed[i] = string(text)
	}
	return signed
}
