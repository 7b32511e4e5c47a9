//go:build integration

package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestWordsBehindMTAs runs the tables of TestWords behind real MTAs.
func TestWordsBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for _, tests := range []map[string]actionTest{encodeTests(), tagTests(), damageTests()} {
				for name, c := range tests {
					b.use(t, parsed(t, c.yaml()))
					code, text, got := b.send(t, session{from: "a@example.org"}, c.header+"\nbody\n")
					require.Equal(t, 250, code, "%s: %s", name, text)
					got = strings.ReplaceAll(got, "\r\n", "\n")
					assert.Equal(t, compared(c.want+"\nbody\n"), compared(got), name)
				}
			}
		})
	}
}
