package monitor

import (
	"cmp"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// reloads reports on the configuration file, under the names that Prometheus itself and its
// exporters use, after the namespace of the other metrics.
type reloads struct{ successful, time prometheus.Gauge }

// newReloads returns the metrics of a program that has just loaded its configuration.
func newReloads() *reloads {
	r := &reloads{
		prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_config_last_reload_successful",
			Help: "Whether the last attempt to load the configuration was successful.",
		}),
		prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_config_last_reload_success_timestamp_seconds",
			Help: "Time of the last successful attempt to load the configuration.",
		}),
	}
	r.loaded(true)
	return r
}

func (r *reloads) loaded(ok bool) {
	if !ok {
		r.successful.Set(0)
		return
	}
	r.successful.Set(1)
	r.time.SetToCurrentTime()
}

// Reloaded records whether the configuration was reloaded.
func (m *Monitor) Reloaded(ok bool) { m.reloads.loaded(ok) }

// collectors returns what the monitor exports in addition to the metrics of the filters.
func (m *Monitor) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.reloads.successful, m.reloads.time, newBuildInfo(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}

// newBuildInfo returns a metric that is always 1 and has in its labels what -version prints,
// and the revision from which the program was built.
func newBuildInfo() prometheus.Collector {
	labels := prometheus.Labels{"version": "(devel)", "revision": "unknown", "goversion": "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		labels["version"], labels["goversion"] = cmp.Or(info.Main.Version, "(devel)"), info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				labels["revision"] = s.Value
			}
		}
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_build_info", Help: "The build of the program. The value is always 1.", ConstLabels: labels,
	}, func() float64 { return 1 })
}
