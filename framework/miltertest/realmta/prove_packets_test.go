//go:build integration

package realmta_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProvePackets shows that the servers do not offer larger packets, and what
// happens if a filter requests them nevertheless.
func TestProvePackets(t *testing.T) {
	t.Parallel()
	body := strings.Repeat(strings.Repeat("b", 68)+"\r\n", 10_000)
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, asked := range []wire.Protocol{0, wire.ProtoMDS256K, wire.ProtoMDS1M} {
				tr := milter{unasked: asked}.start(t, mta)
				c := dial(t, mta.Addr())
				code, _ := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple + body)}, "packets"))
				_, _ = c.Cmd("QUIT")
				lines := tr.lines(t)
				assert.NotContains(t, lines[0], "SMFIP_MDS", "the offer")
				if name == "sendmail" && asked != 0 {
					assert.Equal(t, 451, code, "%v", asked)
					assert.Len(t, lines, 2, "the filter is given up at its answer")
					continue
				}
				assert.Equal(t, 250, code, "%v", asked)
				assert.True(t, slices.Contains(lines, "MTA SMFIC_BODY 65535 bytes"), "%v: chunks are as large as ever", asked)
			}
		})
	}
}
