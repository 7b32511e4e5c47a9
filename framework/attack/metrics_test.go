//go:build integration

package attack_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// metricsAddress matches the line of the log that names the address of the
// metrics.
var metricsAddress = regexp.MustCompile(`msg="serving metrics" address=(\S+)`)

// scrape returns the metrics by name. Those of a name that differ in their labels
// are added up.
func (p *process) scrape(t *testing.T) map[string]float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	sums := make(map[string]float64)
	for _, sample := range samples.FindAllStringSubmatch(string(text), -1) {
		value, err := strconv.ParseFloat(sample[2], 64)
		require.NoError(t, err, sample[0])
		sums[sample[1]] += value
	}
	return sums
}

// samples matches the name and the value of each metric.
var samples = regexp.MustCompile(`(?m)^(sluice_\w+)(?:\{.*\})? (\S+)$`)

// checkMetrics checks that the program counts nothing as open but the bystander's
// connection. A program without metrics passes.
func (p *process) checkMetrics(t *testing.T) {
	t.Helper()
	if p.metrics == "" {
		return
	}
	want := map[string]float64{
		"sluice_connections_open": 1, "sluice_messages_open": 0, "sluice_kept_memory_bytes": 0, "sluice_kept_disk_bytes": 0,
	}
	var counters []string
	got := make(map[string]float64)
	for limit := time.Now().Add(patience); !maps.Equal(want, got) && time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		counters = nil
		for name, value := range p.scrape(t) {
			if _, ok := want[name]; ok {
				got[name] = value
			} else if strings.HasSuffix(name, "_total") {
				counters = append(counters, fmt.Sprintf("%s %.0f", name, value))
			}
		}
	}
	assert.Equal(t, want, got)
	slices.Sort(counters)
	t.Logf("metrics: %s", strings.Join(counters, ", "))
}
