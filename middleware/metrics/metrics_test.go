package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/internal/loop"
	"github.com/sluicemail/sluice/middleware/metrics"
)

const text = "From: a@example.org\n\nhi\n"

// measured returns metrics and their registry.
func measured(t testing.TB) (*metrics.Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m, err := metrics.New(metrics.Config{Registerer: registry})
	require.NoError(t, err)
	return m, registry
}

// total returns the value of a counter, or the number of observations of a
// histogram, with labels of the form name=value. It returns 0 if there is none.
func total(t testing.TB, g prometheus.Gatherer, name string, labels ...string) float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if subset(labels, have) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func subset(of, list []string) bool {
	for _, want := range of {
		if !strings.Contains(","+strings.Join(list, ",")+",", ","+want+",") {
			return false
		}
	}
	return true
}

// judge is a filter that adds a field and gives its verdict at the end of the
// message.
func judge(name string, verdict framework.Verdict, err error) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
		r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) { return framework.Continue, nil })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return verdict, errors.Join(add.Append(s, "X-A", "b"), err)
		})
		return nil
	})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		verdict       framework.Verdict
		err           error
		message, lane string
		filter        string
	}{
		"taken":             {framework.Continue, nil, "continue", "continue", ""},
		"accepted":          {framework.Accept, nil, "continue", "accept", ""},
		"rejected":          {framework.Reject, nil, "reject", "reject", "judge"},
		"refused for now":   {framework.TempFail, nil, "tempfail", "tempfail", "judge"},
		"discarded":         {framework.Discard, nil, "discard", "discard", "judge"},
		"in words":          {framework.MustReply(550, "5.7.1", "no"), nil, "reply_5xx", "reply_5xx", "judge"},
		"in words, for now": {framework.MustReply(450, "4.7.1", "no"), nil, "reply_4xx", "reply_4xx", "judge"},
		"failed":            {framework.Continue, errors.New("boom"), "reply_4xx", "reply_4xx", "judge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, registry := measured(t)
			r := framework.NewRouter()
			r.Use(m.Middleware)
			r.Mount(judge("first", framework.Continue, nil))
			r.Mount(judge("judge", c.verdict, c.err))
			srv := miltertest.NewRouterServer(t, r)
			conn := srv.Dial(t)
			for range 3 {
				conn.Run(t, miltertest.Message(text, miltertest.To("b@example.net", "c@example.net")))
			}
			require.NoError(t, conn.Quit(t.Context()))
			srv.Close(t)
			assert.InDelta(t, 3, total(t, registry, "sluice_messages_total"), 0)
			assert.InDelta(t, 3, total(t, registry, "sluice_messages_total", "verdict="+c.message, "filter="+c.filter), 0)
			assert.InDelta(t, 3, total(t, registry, "sluice_filter_messages_total", "filter=judge", "verdict="+c.lane), 0)
			assert.InDelta(t, 3, total(t, registry, "sluice_filter_messages_total", "filter=first", "verdict=continue"), 0)
			assert.InDelta(t, 6, total(t, registry, "sluice_recipients_total"), 0)
			assert.InDelta(t, 12, total(t, registry, "sluice_body_bytes_total"), 0)
			assert.InDelta(t, 3, total(t, registry, "sluice_handler_duration_seconds", "filter=judge", "stage=end_of_message"), 0)
			assert.InDelta(t, 6, total(t, registry, "sluice_handler_duration_seconds", "filter=judge", "stage=rcpt"), 0)
			want := map[bool]int{true: 6, false: 0}[c.filter == ""]
			assert.InDelta(t, want, total(t, registry, "sluice_modifications_total", "kind=addheader"), 0, "what was sent")
		})
	}
}

func TestAbortedMessages(t *testing.T) {
	t.Parallel()
	m, registry := measured(t)
	r := framework.NewRouter()
	r.Use(m.Middleware)
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Abort())
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	assert.InDelta(t, 1, total(t, registry, "sluice_messages_total", "verdict=aborted", "filter="), 0)
}

// A recipient that the MTA has refused has a separate label.
func TestRejectedRecipients(t *testing.T) {
	t.Parallel()
	m, registry := measured(t)
	r := framework.NewRouter()
	r.Use(m.Middleware)
	r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
	r.ObserveRejectedRcpt(func(*framework.Session, *framework.RejectedRcpt) error { return nil })
	miltertest.RunRouter(t, r, miltertest.Message(text, miltertest.To("b@example.net"),
		miltertest.ToRefused("c@example.net", "550 5.1.1 no")))
	assert.InDelta(t, 1, total(t, registry, "sluice_handler_duration_seconds", "stage=rcpt"), 0)
	assert.InDelta(t, 1, total(t, registry, "sluice_handler_duration_seconds", "stage=rejected_rcpt"), 0)
	assert.InDelta(t, 1, total(t, registry, "sluice_recipients_total"), 0)
}

func TestErrorKinds(t *testing.T) {
	t.Parallel()
	for want, errs := range map[string][]error{
		"timeout":      {framework.ErrHandlerTimeout, context.DeadlineExceeded, fmt.Errorf("x: %w", context.DeadlineExceeded)},
		"canceled":     {context.Canceled},
		"peer_gone":    {framework.ErrPeerGone},
		"modification": {framework.ErrNoGrant, &framework.ValueError{What: "a", Reason: "b"}},
		"network":      {&net.OpError{Op: "dial", Err: errors.New("refused")}, &net.DNSError{Err: "no such host"}},
		"memory":       {framework.ErrNoMemory, fmt.Errorf("x: %w", framework.ErrNoMemory)},
		"panic":        {&framework.PanicError{Value: "boom"}},
		"other":        {errors.New("boom")},
	} {
		for _, err := range errs {
			m, registry := measured(t)
			r := framework.NewRouter()
			r.Use(m.Middleware)
			r.ObserveMail(func(*framework.Session, *framework.Mail) error { return err })
			miltertest.RunRouter(t, r, miltertest.Message(text))
			assert.InDelta(t, 1, total(t, registry, "sluice_handler_errors_total", "filter=main", "stage=mail", "kind="+want), 0, "%v", err)
			assert.InDelta(t, 1, total(t, registry, "sluice_handler_errors_total"), 0)
		}
	}
}

// A panic is counted with Recover inside, outside, or absent.
func TestPanics(t *testing.T) {
	t.Parallel()
	recovering := middleware.Recover()
	for name, order := range map[string]func(m *metrics.Metrics) []framework.Middleware{
		"without": func(m *metrics.Metrics) []framework.Middleware { return []framework.Middleware{m.Middleware} },
		"Recover inside": func(m *metrics.Metrics) []framework.Middleware {
			return []framework.Middleware{m.Middleware, recovering}
		},
		"Recover outside": func(m *metrics.Metrics) []framework.Middleware {
			return []framework.Middleware{recovering, m.Middleware}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, registry := measured(t)
			r := framework.NewRouter()
			r.Use(order(m)...)
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { panic("boom") })
			miltertest.RunRouter(t, r, miltertest.Message(text)).AssertTempFailed(t)
			assert.InDelta(t, 1, total(t, registry, "sluice_handler_errors_total", "kind=panic"), 0)
			assert.InDelta(t, 1, total(t, registry, "sluice_handler_duration_seconds"), 0)
		})
	}
}

// A handler that returns its context's error returns Canceled. The cause
// decides the kind.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, registry := measured(t)
		r := framework.NewRouter()
		r.Use(m.Middleware, middleware.Timeout(middleware.TimeoutConfig{Event: time.Second}))
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			<-s.Context().Done()
			return framework.Continue, s.Context().Err()
		})
		miltertest.RunRouter(t, r, miltertest.Message(text)).AssertTempFailed(t)
		assert.InDelta(t, 1, total(t, registry, "sluice_handler_errors_total", "kind=timeout"), 0)
	})
}

// The number of series does not depend on the content of mails.
func TestCardinality(t *testing.T) {
	t.Parallel()
	m, registry := measured(t)
	r := framework.NewRouter()
	r.Use(m.Middleware)
	n := 0
	r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
		n++
		if n%2 == 0 {
			return framework.Continue, errors.New("failed for " + e.Sender())
		}
		return framework.Reply(550, "5.7.1", "no mail from "+e.Sender())
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	// A message is counted after its verdict was sent.
	counted := func(messages float64) {
		require.Eventually(t, func() bool { return total(t, registry, "sluice_messages_total") == messages }, time.Minute, time.Millisecond)
	}
	var after2 int
	for i := range 50 {
		conn.Run(t, miltertest.Message(text, miltertest.From(fmt.Sprintf("user%d@example%d.org", i, i)), miltertest.QueueID(fmt.Sprint("Q", i))))
		if i == 1 {
			counted(2)
			after2, _ = testutil.GatherAndCount(registry)
		}
	}
	counted(50)
	count, err := testutil.GatherAndCount(registry)
	require.NoError(t, err)
	assert.Equal(t, after2, count)
}

func TestWatch(t *testing.T) {
	t.Parallel()
	m, registry := measured(t)
	stats := framework.Stats{
		Connections: 2, ConnectionsTotal: 9, MessagesOpen: 1, MessagesTotal: 8, HandlerErrors: 3, FailedOpen: 2, ProtocolErrors: 4, MissingActions: 5,
		AbandonedHandlers: 13, AbandonedHandlersTotal: 14, OverLimit: 15, AsyncRunning: 16, AsyncTotal: 17, AsyncRefused: 18,
		KeptMemory: 6, KeptDisk: 10, NoRoom: 11, TooLarge: 12,
	}
	require.NoError(t, m.Watch(func() framework.Stats { return stats }))
	for name, want := range map[string]float64{
		"connections_open": 2, "connections_total": 9, "messages_open": 1, "messages_begun_total": 8,
		"failures_total": 3, "failed_open_total": 2, "protocol_errors_total": 4, "missing_actions_total": 5,
		"kept_memory_bytes": 6, "kept_disk_bytes": 10, "no_room_total": 11, "too_large_total": 12,
		"abandoned_handlers": 13, "handlers_abandoned_total": 14, "over_limit_total": 15, "async_running": 16, "async_started_total": 17, "async_refused_total": 18,
	} {
		assert.InDelta(t, want, total(t, registry, "sluice_"+name), 0, name)
	}
	stats.Connections = 7
	assert.InDelta(t, 7, total(t, registry, "sluice_connections_open"), 0, "it is asked again")
	assert.Error(t, m.Watch(func() framework.Stats { return stats }), "one server for each name")
}

// TestNamesInOpenMetrics checks that no two metrics have one name in the OpenMetrics format,
// which reads a counter x_total as the metric x.
func TestNamesInOpenMetrics(t *testing.T) {
	t.Parallel()
	m, registry := measured(t)
	require.NoError(t, m.Watch(func() framework.Stats { return framework.Stats{} }))
	families, err := registry.Gather()
	require.NoError(t, err)
	seen := make(map[string]bool)
	for _, f := range families {
		name := strings.TrimSuffix(f.GetName(), "_total")
		assert.False(t, seen[name], name)
		seen[name] = true
	}
}

func TestNewFails(t *testing.T) {
	t.Parallel()
	_, err := metrics.New(metrics.Config{})
	require.ErrorIs(t, err, metrics.ErrNoRegisterer)

	_, registry := measured(t)
	_, err = metrics.New(metrics.Config{Registerer: registry})
	require.Error(t, err, "twice the same names")
	_, err = metrics.New(metrics.Config{Registerer: registry, Namespace: "other"})
	require.NoError(t, err, "nothing was left behind")
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

// It adds nothing to the plan.
func TestPlan(t *testing.T) {
	t.Parallel()
	plan := func(mws ...framework.Middleware) string {
		r := framework.NewRouter()
		r.Use(mws...)
		r.Mount(judge("judge", framework.Continue, nil))
		p, err := r.Plan()
		require.NoError(t, err)
		return p.String()
	}
	m, _ := measured(t)
	assert.Equal(t, plan(), plan(m.Middleware))
}

func turning(t testing.TB, fields int, mws ...framework.Middleware) *loop.Loop {
	t.Helper()
	r := framework.NewRouter()
	r.Use(mws...)
	r.Mount(judge("judge", framework.Continue, nil))
	l, err := loop.New(r, fields, 1)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

//nolint:paralleltest // memory is counted for the whole process
func TestAllocs(t *testing.T) {
	m, _ := measured(t)
	for _, fields := range []int{1, 100} {
		without := testing.AllocsPerRun(100, turning(t, fields).Message)
		with := testing.AllocsPerRun(100, turning(t, fields, m.Middleware).Message)
		assert.InDelta(t, without, with, poolLosses())
	}
}

func BenchmarkMetrics(b *testing.B) {
	m, _ := measured(b)
	for name, mws := range map[string][]framework.Middleware{"without": nil, "with": {m.Middleware}} {
		b.Run(name, func(b *testing.B) {
			const events = 1000
			l := turning(b, events-3, mws...)
			b.ReportAllocs()
			for b.Loop() {
				l.Message()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}

// poolLosses is how many allocations of a message the race detector
// adds: with it, a sync.Pool forgets some of what it is given.
func poolLosses() float64 {
	if testproc.RaceEnabled {
		return 5
	}
	return 0
}
