package arc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// exploding is a DNS that panics.
type exploding struct{}

func (exploding) LookupTXT(context.Context, string) ([]string, error) { panic("the DNS explodes") }

// A panic in a lookup is one of the caller, whom the framework protects: the message gets the
// verdict of the lane's policy, and the program goes on.
func TestPanicInLookup(t *testing.T) {
	t.Parallel()
	message := sealed(t, 2, letter)
	assert.Panics(t, func() {
		_, _ = arc.Verify(t.Context(), arc.VerifierConfig{Resolver: exploding{}}, strings.NewReader(message))
	})
	f, err := arc.NewVerifier(arc.VerifierConfig{Resolver: exploding{}, AuthservID: "mx.example.net"})
	require.NoError(t, err)
	miltertest.Run(t, f, miltertest.Message(message)).AssertTempFailed(t)
}
