package main_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/fxapp"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestReadDenylist(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want main.Denylist
		says string
	}{
		"empty":        {"", main.Denylist{}, ""},
		"domains":      {"example.org\n  Example.NET \r\n", main.Denylist{"example.org": true, "example.net": true}, ""},
		"comments":     {"# spammers\n\n.example.org.\n", main.Denylist{"example.org": true}, ""},
		"an address":   {"example.org\na@example.org\n", nil, `line 2: "a@example.org" is not a domain`},
		"two words":    {"example.org example.net\n", nil, "line 1"},
		"no line feed": {"example.org", main.Denylist{"example.org": true}, ""},
		"too long":     {strings.Repeat("x", 1<<17), nil, "too long"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := main.ReadDenylist(strings.NewReader(c.text))
			if c.says != "" {
				assert.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestNewDenylist(t *testing.T) {
	t.Parallel()
	list, err := main.NewDenylist(main.Settings{})
	require.NoError(t, err)
	assert.Empty(t, list)

	path := filepath.Join(t.TempDir(), "deny.txt")
	require.NoError(t, os.WriteFile(path, []byte("example.org\n"), 0o600))
	list, err = main.NewDenylist(main.Settings{Deny: path})
	require.NoError(t, err)
	assert.Equal(t, main.Denylist{"example.org": true}, list)

	require.NoError(t, os.WriteFile(path, []byte("a b\n"), 0o600))
	_, err = main.NewDenylist(main.Settings{Deny: path})
	assert.ErrorContains(t, err, "deny.txt: line 1")
}

func TestBouncer(t *testing.T) {
	t.Parallel()
	list := main.Denylist{"example.org": true, "mail.example.net": true}
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
			res := miltertest.Run(t, main.NewBouncer(list, new(main.Tally)),
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
	res := miltertest.Run(t, main.NewStamper(main.Settings{Stamp: "X-Seen"}, new(main.Tally)),
		miltertest.Message("Subject: x\n\ny\n"))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"fxapp"}, res.HeaderValues("X-Seen"))
}

func TestSlow(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		limit, takes time.Duration
		warns        bool
	}{
		"slow":  {time.Second, time.Second, true},
		"fast":  {time.Second, time.Second - 1, false},
		"never": {0, 4 * time.Second, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				sleepy := func(r *framework.Router) error {
					r = r.With(main.Slow(slog.New(slog.NewTextHandler(&log, nil)), c.limit))
					r.OnHelo(func(*framework.Session, *framework.Helo) (framework.Verdict, error) {
						time.Sleep(c.takes)
						return framework.Reject, nil
					})
					return nil
				}
				miltertest.Run(t, miltertest.FilterFunc("sleepy", sleepy), miltertest.Message("A: b\n\n")).AssertRejected(t)
				if !c.warns {
					assert.Empty(t, log.String())
					return
				}
				assert.Contains(t, log.String(), `level=WARN msg="slow handler" filter=sleepy stage=helo`)
				assert.Contains(t, log.String(), "took=1s")
			})
		})
	}
}
