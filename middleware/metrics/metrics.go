package metrics

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/framework"
)

// Config configures [New].
type Config struct {
	// Registerer is the registry for the metrics. It is required.
	Registerer prometheus.Registerer
	// Namespace is the first part of each metric's name. The empty string
	// means "sluice".
	Namespace string
	// Buckets are the upper bounds of the histogram of durations, in seconds
	// and ascending. An empty slice means buckets from 10 microseconds to 30
	// seconds.
	Buckets []float64
}

// Metrics holds the metrics of one or more routers.
type Metrics struct {
	cfg       Config
	messages  *prometheus.CounterVec
	filters   *prometheus.CounterVec
	watch     func(rt *framework.Route) *Metrics // counts the messages of a router
	durations *prometheus.HistogramVec
	errors    *prometheus.CounterVec
	edits     *prometheus.CounterVec
	async     *prometheus.HistogramVec
	asyncErrs *prometheus.CounterVec
	rcpts     prometheus.Counter
	bytes     prometheus.Counter
}

// ErrNoRegisterer is the error of [New] if Config.Registerer is nil.
var ErrNoRegisterer = errors.New("metrics: Config.Registerer is nil")

// New creates the metrics and registers them. It returns the registry's error: a
// registry refuses a second Metrics with the same namespace.
func New(cfg Config) (*Metrics, error) {
	if cfg.Registerer == nil {
		return nil, ErrNoRegisterer
	}
	cfg.Namespace = cmp.Or(cfg.Namespace, "sluice")
	if len(cfg.Buckets) == 0 {
		cfg.Buckets = []float64{1e-5, 1e-4, 1e-3, 5e-3, 0.025, 0.1, 0.5, 1, 5, 30}
	}
	m := &Metrics{cfg: cfg}
	m.watch = framework.OncePerRouter(func(rt *framework.Route) *Metrics {
		rt.AfterMessage(m.afterMessage)
		rt.AroundAsync(m.aroundAsync)
		return m
	})
	m.messages = m.counters("messages_total", "Messages by the last verdict, and the filter that gave it.", "verdict", "filter")
	m.filters = m.counters("filter_messages_total", "Messages by filter and the filter's last verdict.", "filter", "verdict")
	m.errors = m.counters("handler_errors_total", "Errors and panics of handlers.", "filter", "stage", "kind")
	m.edits = m.counters("modifications_total", "Modifications by kind.", "kind")
	m.rcpts = prometheus.NewCounter(m.opts("recipients_total", "Recipients that filters received and did not refuse."))
	m.bytes = prometheus.NewCounter(m.opts("body_bytes_total", "Bytes of bodies that filters received."))
	m.asyncErrs = m.counters("async_errors_total", "Errors and panics of functions beside sessions.", "filter", "where", "kind")
	m.durations = m.histograms("handler_duration_seconds", "Duration of handlers.", "filter", "stage")
	m.async = m.histograms("async_duration_seconds", "Duration of functions beside sessions.", "filter", "where")
	return m, m.register()
}

// register registers all metrics or, in case of an error, none.
func (m *Metrics) register() error {
	var done []prometheus.Collector
	for _, c := range []prometheus.Collector{
		m.messages, m.filters, m.errors, m.edits, m.rcpts, m.bytes, m.durations, m.async, m.asyncErrs,
	} {
		if err := m.cfg.Registerer.Register(c); err != nil {
			for _, c := range done {
				m.cfg.Registerer.Unregister(c)
			}
			return err
		}
		done = append(done, c)
	}
	return nil
}

func (m *Metrics) opts(name, help string) prometheus.CounterOpts {
	return prometheus.CounterOpts{Namespace: m.cfg.Namespace, Name: name, Help: help}
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(m.opts(name, help), labels)
}

func (m *Metrics) histograms(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: m.cfg.Namespace, Name: name, Help: help, Buckets: m.cfg.Buckets,
	}, labels)
}

// Middleware is a [framework.Middleware] that records the metrics:
// r.Use(m.Middleware). The durations include the time of the middleware inside
// of it. A panic is counted with the kind panic, whether [middleware.Recover]
// is inside or outside of it.
func (m *Metrics) Middleware(rt *framework.Route, next framework.Handler) framework.Handler {
	m.watch(rt)
	filter, stage := rt.Filter(), stageOf(rt)
	durations := m.durations.WithLabelValues(filter, stage)
	return func(s *framework.Session, ev framework.Event) (v framework.Verdict, err error) {
		begin, returned := time.Now(), false
		defer func() {
			durations.Observe(time.Since(begin).Seconds())
			if !returned {
				m.errors.WithLabelValues(filter, stage, kindPanic).Inc()
			} else if err != nil {
				m.errors.WithLabelValues(filter, stage, kindOf(err, s.Context)).Inc()
			}
		}()
		v, err = next(s, ev)
		returned = true
		return v, err
	}
}

// afterMessage counts a message.
func (m *Metrics) afterMessage(_ *framework.Session, end *framework.MessageResult) {
	verdict := "aborted"
	if !end.Aborted {
		verdict = verdictOf(end.Verdict)
	}
	m.messages.WithLabelValues(verdict, end.Filter).Inc()
	for filter, v := range end.Verdicts() {
		m.filters.WithLabelValues(filter, verdictOf(v)).Inc()
	}
	for kind, n := range end.Modifications() {
		m.edits.WithLabelValues(kind).Add(float64(n))
	}
	m.rcpts.Add(float64(end.Recipients))
	m.bytes.Add(float64(end.Size))
}

// aroundAsync measures a function of [framework.AsyncValue.Start].
func (m *Metrics) aroundAsync(ctx context.Context, filter, where string, run func(context.Context) error) error {
	begin := time.Now()
	defer func() { m.async.WithLabelValues(filter, where).Observe(time.Since(begin).Seconds()) }()
	err := run(ctx)
	if err != nil {
		m.asyncErrs.WithLabelValues(filter, where, kindOf(err, func() context.Context { return ctx })).Inc()
	}
	return err
}

// verdictOf returns the label of a verdict. For a reply it is only the class of
// the code, because the text may be different for each message.
func verdictOf(v framework.Verdict) string {
	switch v.Code() / 100 {
	case 0:
		return label(v.Kind())
	case 4:
		return "reply_4xx"
	}
	return "reply_5xx"
}

// stageOf returns the label of a route's stage.
func stageOf(rt *framework.Route) string {
	if rt.Rejected() {
		return "rejected_rcpt"
	}
	return label(rt.Stage().String())
}

// label replaces the spaces of a name by underscores.
func label(name string) string { return strings.ReplaceAll(name, " ", "_") }
