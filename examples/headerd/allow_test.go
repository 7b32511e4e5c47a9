package main_test

import (
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"

	main "github.com/sluicemail/sluice/examples/headerd"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// Under fx, too, a listener at every address gets a warning, unless -allow limits who
// may connect.
func TestAllow(t *testing.T) {
	t.Parallel()
	servingAt := regexp.MustCompile(`msg=serving address=\S+:(\d+)`)
	for name, c := range map[string]struct {
		allow     cli.Networks
		warnings  int
		mayFilter bool
	}{
		"every network":     {nil, 1, true},
		"this host":         {cli.Networks{netip.MustParsePrefix("127.0.0.0/8")}, 0, true},
		"another network":   {cli.Networks{netip.MustParsePrefix("192.0.2.0/24")}, 0, false},
		"all, as requested": {cli.Networks{netip.MustParsePrefix("0.0.0.0/0")}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := new(testproc.Buffer)
			app := fxtest.New(t, main.Application(main.Settings{
				Config: write(t, addX), Listen: []string{"inet:0"}, Allow: c.allow, Drain: time.Minute,
			}, slog.New(slog.NewTextHandler(log, nil))))
			app.RequireStart()
			defer app.RequireStop()
			found := servingAt.FindStringSubmatch(log.String())
			require.NotNil(t, found, log.String())
			conn, err := mta.Dial(t.Context(), "inet:"+net.JoinHostPort("127.0.0.1", found[1]), mta.Config{})
			if assert.Equal(t, c.mayFilter, err == nil, "%v", err) && c.mayFilter {
				require.NoError(t, conn.Quit(t.Context()))
			}
			assert.Equal(t, c.warnings, log.Count("the milter protocol has no authentication"))
		})
	}
}
