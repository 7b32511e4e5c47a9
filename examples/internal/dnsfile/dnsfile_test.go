package dnsfile_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

func parse(text string) (s dnsfile.Section, err error) {
	err = yamlconf.Parse("x.yaml", []byte(text), &s)
	return s, err
}

func TestSection(t *testing.T) {
	t.Parallel()
	s, err := parse(`{servers: ["127.0.0.1:53", "[::1]:53"], timeout: 2s, max_names: 7, give_way: 1s}`)
	require.NoError(t, err)
	cfg, err := s.Config()
	require.NoError(t, err)
	assert.Equal(t, []string{"127.0.0.1:53", "[::1]:53"}, cfg.Servers)
	assert.Equal(t, 7, cfg.MaxNames)
	_, err = s.Resolver()
	require.NoError(t, err)
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{servers: []}`:              "x.yaml:1:11: want a list of name servers",
		`{servers: "127.0.0.1:53"}`:  "x.yaml:1:11: want a list of name servers",
		`{servers: ["127.0.0.1"]}`:   "1:12: ",
		`{min_ttl: 2h, max_ttl: 1h}`: "1:11: ",
		`{max_names: 0}`:             "x.yaml:1:13: want a number of 1 or more",
	} {
		s, err := parse(text)
		if err == nil {
			_, err = s.Resolver()
		}
		assert.ErrorContains(t, err, want, text)
	}
}

func TestMeters(t *testing.T) {
	t.Parallel()
	registry, meters := prometheus.NewPedanticRegistry(), dnsfile.NewMeters("x_dns_")
	require.NoError(t, registry.Register(meters))
	n, err := testutil.GatherAndCount(registry)
	require.NoError(t, err)
	assert.Zero(t, n, "there is no resolver yet")
	r, err := resolver.New(resolver.Config{Servers: []string{"127.0.0.1:1"}})
	require.NoError(t, err)
	meters.Watch(r)
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP x_dns_gave_way_total DNS lookups among x_dns_busy_total that had begun and gave way to others.
# TYPE x_dns_gave_way_total counter
x_dns_gave_way_total 0
`), "x_dns_gave_way_total"))
	n, err = testutil.GatherAndCount(registry)
	require.NoError(t, err)
	assert.Equal(t, 9, n)
}
