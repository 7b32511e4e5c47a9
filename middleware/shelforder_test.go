package middleware_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// orders returns all orders of a list.
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

// In any order, around handlers that answer and around those that do not: the
// message is logged once, its header is shown decoded, and what a handler on
// trial decides comes to nothing.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	names := []string{"Logger", "NormalizeHeaders", "Timeout", "Recover", "Macros"}
	for _, order := range orders(names) {
		for _, answers := range []bool{true, false} {
			log, lines := textLog(slog.LevelInfo)
			made := map[string]framework.Middleware{
				"Logger":           middleware.Logger(log),
				"NormalizeHeaders": middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
				"Timeout":          middleware.Timeout(middleware.TimeoutConfig{Event: time.Minute}),
				"Recover":          middleware.Recover(middleware.RecoverConfig{}),
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
