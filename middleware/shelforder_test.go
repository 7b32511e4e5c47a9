package middleware_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/middleware"
)

// orders returns all permutations of a list.
func orders[T any](list []T) [][]T {
	if len(list) < 2 {
		return [][]T{list}
	}
	var all [][]T
	for i := range list {
		rest := append(append([]T{}, list[:i]...), list[i+1:]...)
		for _, order := range orders(rest) {
			all = append(all, append([]T{list[i]}, order...))
		}
	}
	return all
}

// In any order, around answering handlers and observers, the message is logged
// once, its header is decoded, and a verdict under DryRun has no effect.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	names := []string{"Logger", "NormalizeHeaders", "Timeout", "Recover", "Macros"}
	for _, order := range orders(names) {
		for _, answers := range []bool{true, false} {
			log, lines := textLog(slog.LevelInfo)
			made := map[string]framework.Middleware{
				"Logger":           middleware.Logger(middleware.LoggerConfig{Logger: log}),
				"NormalizeHeaders": middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
				"Timeout":          middleware.Timeout(middleware.TimeoutConfig{Event: time.Minute}),
				"Recover":          middleware.Recover(),
				"Macros":           middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{middleware.MacroClientAddr}}),
			}
			r := framework.NewRouter()
			for _, name := range order {
				r.Use(made[name])
			}
			everyStage(r, answers)
			var seen []looked
			look(r, answers, &seen)
			r.With(middleware.DryRun()).OnEndOfMessage(says[*framework.EndOfMessage](framework.Reject))
			res := miltertest.RunRouter(t, r, miltertest.Message("subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n\nhi\n", sample()...))
			res.AssertUnmodified(t)
			why := strings.Join(order, " ")
			assert.Equal(t, []looked{{"Subject", "grüße", "=?utf-8?q?gr=C3=BC=C3=9Fe?=", nil}}, seen, why)
			assert.Equal(t, 1, strings.Count(lines(), "\n"), why)
			assert.Contains(t, lines(), "client=192.0.2.7 client_name=mx.example.org sender=ann@example.org", why)
			assert.Contains(t, lines(), "recipients=2 size=4 verdict=continue", why)
		}
	}
}

// With many sessions at once, some of which end early, each message has one
// line, one count and one trace.
func TestShelfAtOnce(t *testing.T) {
	t.Parallel()
	w := wholeShelf{log: new(testproc.Buffer)}
	r := framework.NewRouter()
	r.Use(w.middleware(t, 1000)...)
	r.Mount(filter("one", func(r *framework.Router) { everyStage(r, true) }))
	r.Mount(filter("two", func(r *framework.Router) { everyStage(r, false) }))
	srv := miltertest.NewRouterServer(t, r)
	const sessions, messages = 12, 6
	var group sync.WaitGroup
	for i := range sessions {
		conn := srv.Dial(t)
		group.Go(func() {
			for range messages - 1 {
				conn.Run(t, miltertest.Message(letter, sample()...)).AssertAccepted(t)
			}
			_, err := conn.Mail(t.Context(), "<a@example.org>")
			assert.NoError(t, err)
			if i%2 == 0 {
				assert.NoError(t, conn.Abort())
				assert.NoError(t, conn.Quit(t.Context()))
				return
			}
			assert.NoError(t, conn.Close())
		})
	}
	group.Wait()
	srv.Close(t)
	assert.Equal(t, sessions*messages, strings.Count(w.log.String(), `"msg":"message"`))
	roots := 0
	for _, span := range w.spans.GetSpans() {
		if span.Name == "milter message" {
			roots++
		}
	}
	assert.Equal(t, sessions*messages, roots)
	assert.InDelta(t, sessions*messages, messagesCounted(t, w.registry), 0)
}

// messagesCounted returns the number of messages in a registry.
func messagesCounted(t *testing.T, registry *prometheus.Registry) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "sluice_messages_total" {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
