package middleware_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/internal/loop"
)

// copier is the filter of the benchmarks. It reads one header field and adds
// another.
func copier(r *framework.Router) {
	add, seen := r.GrantAddHeader(), framework.PerMessage[string](r)
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Is("X-Field-3") {
			*seen.Get(s) = h.Value()
		}
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Seen", *seen.Get(s))
	})
}

// All middleware together costs a few allocations for each message: for its log
// line and its macros. More header fields and body chunks cost no more.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfTheShelf(t *testing.T) {
	allocs := func(fields int, mws ...framework.Middleware) float64 {
		r := framework.NewRouter()
		r.Use(mws...)
		copier(r)
		l, err := loop.New(r, fields, fields/10)
		require.NoError(t, err)
		defer l.Close()
		return testing.AllocsPerRun(100, l.Message)
	}
	shelf := func() []framework.Middleware {
		return []framework.Middleware{
			middleware.Recover(),
			middleware.Logger(middleware.LoggerConfig{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}),
			middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{middleware.MacroQueueID, middleware.MacroClientAddr}}),
			middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
		}
	}
	decoding := allocs(20, middleware.NormalizeHeaders(middleware.NormalizeConfig{}))
	assert.LessOrEqual(t, allocs(20, shelf()...)-decoding, 8.0+poolLosses())
	assert.InDelta(t, allocs(20, shelf()...), allocs(200, shelf()...), 0.5+poolLosses())
}
