package arc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// Stalwart leaves a line of the header that is no field out of what it delivers, once the seal
// is there. So the body that a seal would cover is not known.
func TestNotSealedIfBodyIsInDoubt(t *testing.T) {
	t.Parallel()
	stalwart := miltertest.Stalwart()
	stalwart.MTA.Quirks = stalwart.MTA.Quirks.Without(mta.HeaderInBody) // the test repeats the header itself
	for line, want := range map[string]string{
		"":         "",
		"line\r\n": "the header has a line that is no field, so the MTA may deliver another body",
	} {
		seen := new(journal)
		filters := mount(verifier(t, published(t, append(domains, "example.net")...)), sealer(t, arc.SealerConfig{Observe: seen.observe}))
		msg := miltertest.Message("From: ann@example.org\n\n")
		msg.Body = []byte("From: ann@example.org\r\n" + line + "\r\nx\r\n")
		res := miltertest.RunRouter(t, filters, msg, miltertest.As(stalwart))
		res.AssertAccepted(t)
		require.Len(t, seen.all(), 1)
		assert.Equal(t, want, seen.all()[0].Reason)
		assert.Equal(t, want == "", len(res.HeaderValues("ARC-Seal")) == 1)
	}
}
