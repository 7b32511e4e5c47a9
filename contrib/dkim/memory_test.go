package dkim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The fields that the filter keeps count against the server's memory budget. A message
// whose fields do not fit is refused for now, or passes unsigned if the filter fails open.
func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	const fields = 200
	large := miltertest.Message("From: a@example.org\n"+strings.Repeat("X-Field: "+strings.Repeat("x", 500)+"\n", fields)+"\nhello\n", miltertest.Auth("ann"))
	verifier := func(t *testing.T) *dkim.Filter {
		t.Helper()
		f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{AuthservID: "mx.example.org", Resolver: zone{}}})
		require.NoError(t, err)
		return f
	}
	signer := func(t *testing.T) *dkim.Filter {
		t.Helper()
		f, err := dkim.NewSigner(dkim.Config{Signing: forExample(key(t, "example.org", "s", "ed25519"))})
		require.NoError(t, err)
		return f
	}
	for name, c := range map[string]struct {
		filter func(t *testing.T) *dkim.Filter
		copies int // of the header that are kept
		lane   framework.LaneOption
		want   string
	}{
		"signer":                   {signer, 1, framework.FailClosed(), "452 4.3.1 the mail filter is short of storage, try again later"},
		"signer that fails open":   {signer, 1, framework.FailOpen(), ""},
		"verifier":                 {verifier, 2, framework.FailClosed(), "452 4.3.1 the mail filter is short of storage, try again later"},
		"verifier that fails open": {verifier, 2, framework.FailOpen(), ""},
	} {
		for _, enough := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				budget := int64(c.copies * fields * 500)
				if enough {
					budget *= 2
				}
				res := miltertest.Run(t, c.filter(t), large, quiet(), miltertest.Lane(c.lane),
					miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = budget }))
				if enough {
					assert.Empty(t, res.Reply())
					assert.NotEmpty(t, res.Modifications)
					return
				}
				assert.Equal(t, c.want, res.Reply())
				assert.Empty(t, res.Modifications)
			})
		}
	}
}
