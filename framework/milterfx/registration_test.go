package milterfx_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
)

func TestWrongRegistrationNeverBinds(t *testing.T) {
	t.Parallel()
	refused := errors.New("no key")
	tests := map[string]struct {
		filters []any
		where   string
		says    string
	}{
		"a handler":              {[]any{register(func(r *framework.Router) error { r.OnHelo(nil); return nil })}, "registration_test.go:", "OnHelo without a handler"},
		"a nil filter":           {[]any{func() framework.Filter { return nil }}, "registration_test.go:", "returned nil"},
		"no name":                {[]any{stamp("")}, "registration_test.go:", "no name"},
		"a name twice":           {[]any{stamp("a"), stamp("a")}, "registration_test.go:", "a second filter"},
		"a nil middleware":       {[]any{milterfx.Filter(stamp("a"), framework.With(nil))}, "registration_test.go:", "With: a nil middleware"},
		"a middleware's setting": {[]any{milterfx.Filter(stamp("a"), framework.With(wrong))}, "registration_test.go:", "milterfx.wrong: no limit"},
		"idle middleware":        {[]any{framework.AsFilter("a", idle, framework.StageRcpt)}, "registration_test.go:", "AsFilter with the stage rcpt, at which milterfx.idle does nothing"},
		"Register fails":         {[]any{register(func(*framework.Router) error { return refused })}, "", "no key (listed at milterfx/registration_test.go:"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := unix(t)
			a := fx.New(fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
				milterfx.Module, fx.Supply(at(path)), milterfx.Filters(c.filters...))
			var mistake *framework.RegistrationError
			require.ErrorAs(t, a.Err(), &mistake)
			assert.Contains(t, mistake.Where, c.where)
			assert.Contains(t, mistake.Reason, c.says)
			require.Error(t, a.Start(t.Context()))
			assert.NoFileExists(t, path)
		})
	}
}

// wrong is middleware that reports a mistake, and idle is one that does nothing.
func wrong(rt *framework.Route, next framework.Handler) framework.Handler {
	rt.Errorf("no limit")
	return next
}

func idle(_ *framework.Route, next framework.Handler) framework.Handler { return next }

func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	err := failing(fx.Supply(at(unix(t))), milterfx.Filters(
		stamp(""),
		register(func(r *framework.Router) error { r.OnHelo(nil); return nil }),
	))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "no name")
	assert.Contains(t, err.Error(), "OnHelo without a handler")
}

func TestWrongConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cfg  milterfx.Config
		says string
	}{
		"no address":       {milterfx.Config{}, "Config.Listen is empty"},
		"negative drain":   {milterfx.Config{Listen: []string{"inet:0"}, DrainTimeout: -1}, "Config.DrainTimeout is negative: -1ns"},
		"negative count":   {milterfx.Config{Listen: []string{"inet:0"}, Server: framework.Config{MaxHeaders: -1}}, "Config.MaxHeaders is negative: -1"},
		"a nil middleware": {milterfx.Config{Listen: []string{"inet:0"}, Use: []framework.Middleware{nil}}, "Config.Use[0] is nil"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := failing(fx.Supply(c.cfg), milterfx.Filters())
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.says)
		})
	}
	err := failing(milterfx.Filters())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "milterfx.Config", "the application must say where to listen")
}

// A program that prints the plan need not start the application.
func TestPlanWithoutAStart(t *testing.T) {
	t.Parallel()
	path := unix(t)
	var plan *framework.Plan
	var srv *framework.Server
	require.NoError(t, failing(fx.Supply(at(path)), milterfx.Filters(stamp("a")), fx.Populate(&plan, &srv)))
	assert.Equal(t, []string{"SMFIF_ADDHDRS"}, plan.Actions.Names())
	assert.Same(t, plan, srv.Plan())
	assert.NoFileExists(t, path)
}

func TestMiddlewareIsAroundEveryFilter(t *testing.T) {
	t.Parallel()
	var routes []string
	note := func(label string) framework.Middleware {
		return func(rt *framework.Route, next framework.Handler) framework.Handler {
			routes = append(routes, label+" "+rt.Filter())
			return next
		}
	}
	cfg := at(unix(t))
	cfg.Use = []framework.Middleware{note("outer"), note("inner")}
	require.NoError(t, failing(fx.Supply(cfg), milterfx.Filters(stamp("a"), stamp("b"))))
	assert.Equal(t, []string{"inner a", "outer a", "inner b", "outer b"}, routes, "folded from the inside")
}
