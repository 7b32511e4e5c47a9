package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/fxapp/filter"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestReadDenylist(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want filter.Denylist
		says string
	}{
		"empty":        {"", filter.Denylist{}, ""},
		"domains":      {"example.org\n  Example.NET \r\n", filter.Denylist{"example.org": true, "example.net": true}, ""},
		"comments":     {"# spammers\n\n.example.org.\n", filter.Denylist{"example.org": true}, ""},
		"an address":   {"example.org\na@example.org\n", nil, `line 2: "a@example.org" is not a domain`},
		"two words":    {"example.org example.net\n", nil, "line 1"},
		"no line feed": {"example.org", filter.Denylist{"example.org": true}, ""},
		"too long":     {strings.Repeat("x", 1<<17), nil, "too long"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := filter.ReadDenylist(strings.NewReader(c.text))
			if c.says != "" {
				assert.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestBouncer(t *testing.T) {
	t.Parallel()
	list := filter.Denylist{"example.org": true, "mail.example.net": true}
	tests := map[string]struct {
		sender string
		denied bool
	}{
		"on the list":       {"a@example.org", true},
		"below one":         {"a@mail.example.org", true},
		"capitals":          {"A@EXAMPLE.ORG", true},
		"quoted at sign":    {`"x@example.com"@example.org`, true},
		"above one":         {"a@example.net", false},
		"ends alike":        {"a@notexample.org", false},
		"in the local part": {`"x@example.org"@example.com`, false},
		"a bounce":          {"", false},
		"no domain":         {"example.org", false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, filter.NewBouncer(list, new(filter.Tally)),
				miltertest.Message("Subject: x\n\ny\n", miltertest.From(c.sender)))
			if !c.denied {
				res.AssertUnmodified(t)
				return
			}
			res.AssertRejected(t)
			assert.Equal(t, "550 5.7.1 mail from your domain is not accepted here", res.Reply())
		})
	}
}

func TestStamper(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, filter.NewStamper("X-Seen", "fxapp", new(filter.Tally)),
		miltertest.Message("Subject: x\n\ny\n"))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"fxapp"}, res.HeaderValues("X-Seen"))
}
