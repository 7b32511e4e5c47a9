package main_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/fxapp"
	"github.com/sluicemail/sluice/examples/fxapp/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestNewDenylist(t *testing.T) {
	t.Parallel()
	list, err := main.NewDenylist(main.Settings{})
	require.NoError(t, err)
	assert.Empty(t, list)

	path := filepath.Join(t.TempDir(), "deny.txt")
	require.NoError(t, os.WriteFile(path, []byte("example.org\n"), 0o600))
	list, err = main.NewDenylist(main.Settings{Deny: path})
	require.NoError(t, err)
	assert.Equal(t, filter.Denylist{"example.org": true}, list)

	require.NoError(t, os.WriteFile(path, []byte("a b\n"), 0o600))
	_, err = main.NewDenylist(main.Settings{Deny: path})
	assert.ErrorContains(t, err, "deny.txt: line 1")
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
