package fxcli

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// NewPage returns the page of the inspector. The server's configuration depends on it, so fx
// starts it before the server and stops it after the server. Thus the page shows the last
// messages while the server drains.
func NewPage(lc fx.Lifecycle, s inspecting.Settings, log *slog.Logger) (*inspecting.Page, error) {
	p, err := inspecting.New(s, log)
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StartStopHook(p.Start, p.Stop))
	return p, nil
}

// WatchPage makes the page show the server. After a hand-over the page stops serving, and the
// successor answers the requests.
func WatchPage(p *inspecting.Page, srv *framework.Server, status *milterfx.Status) {
	p.Watch(srv)
	status.Watch(func(state milterfx.State) {
		if _, ok := status.Successor(); ok && state == milterfx.Draining {
			p.Close()
		}
	})
}

// countPage adds what the page has recorded to the metrics, if the page is on.
func countPage(m *monitor.Monitor, p *inspecting.Page) error {
	if p.Recorder() == nil {
		return nil
	}
	for name, c := range map[string]struct {
		help  string
		count func(inspect.Stats) uint64
	}{
		"seen":    {"Messages, and sessions without one, that ended.", func(s inspect.Stats) uint64 { return s.Seen }},
		"kept":    {"Records that were kept.", func(s inspect.Stats) uint64 { return s.Kept }},
		"dropped": {"Records that are missing in the folder.", func(s inspect.Stats) uint64 { return s.Dropped }},
	} {
		if err := m.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "sluice_inspect_" + name + "_total", Help: c.help,
		}, func() float64 { return float64(c.count(p.Stats())) })); err != nil {
			return err
		}
	}
	return nil
}
