//go:build integration

package dkim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestResultsThroughMailServers mounts the filter before and behind one that
// checks SPF. The message arrives with one field of this host, on top, and with
// the fields of other hosts. Forged ones are gone.
func TestResultsThroughMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx.example.net"}})
			require.NoError(t, err)
			const foreign = "Authentication-Results: mx.example.com; spf=pass\r\n"
			for want, filters := range map[string][]framework.Filter{
				"\tspf=pass;\r\n\tdkim=none": {spf{}, f},
				"\tdkim=none;\r\n\tspf=pass": {f, spf{}},
			} {
				for _, forged := range []string{"", strings.Join(forgedResults(), "\n") + "\n"} {
					b.use(t, filters...)
					arrived := b.send(t, forged+foreign+fromAnn+"\n\nx\n")
					assert.True(t, strings.HasPrefix(arrived, "Authentication-Results: mx.example.net;\r\n"+want+"\r\n"), arrived)
					assert.Equal(t, 2, strings.Count(strings.ToLower(arrived), "authentication-results"), arrived)
					assert.Contains(t, arrived, foreign)
				}
			}
		})
	}
}
