package milterfx_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

type names struct{ first, second string }

type namesIn struct {
	fx.In

	Names  names
	Absent *int `optional:"true"`
}

func newNames() names { return names{"alpha", "beta"} }

func TestFiltersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	path, want := unix(t), []string(nil)
	var sources []any
	for i := range 12 { // the chance of this order is one in 479,001,600
		name := fmt.Sprintf("lane%d", i)
		want = append(want, name)
		sources = append(sources, func() framework.Filter { return stamp(name) })
	}
	a := app(t, new(testproc.Buffer), fx.Supply(at(path)), milterfx.Filters(sources...))
	a.RequireStart()
	assert.Equal(t, want, stamps(t, path))
	a.RequireStop()
}

func TestFiltersTakeAllSources(t *testing.T) {
	t.Parallel()
	path := unix(t)
	a := app(t, new(testproc.Buffer),
		fx.Supply(at(path)),
		milterfx.Filters(
			stamp("value"),
			func() stamp { return "concrete" },
			func(n names) (framework.Filter, error) { return stamp(n.first), nil },
			func(in namesIn) stamp { return stamp(in.Names.second) },
			milterfx.Filter(stamp("option"), framework.FailOpen()),
			milterfx.Filter(func() stamp { return "trial" }, framework.DryRun()),
		),
		fx.Provide(newNames),
	)
	a.RequireStart()
	assert.Equal(t, []string{"value", "concrete", "alpha", "beta", "option"}, stamps(t, path),
		"every filter but the dry-run one modifies the message")
	a.RequireStop()
}

// refuse is middleware that refuses at Rcpt instead of calling the handler.
func refuse(rt *framework.Route, next framework.Handler) framework.Handler {
	if rt.Stage() != framework.StageRcpt {
		return next
	}
	return func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Reject, nil }
}

// never is middleware that does not call the handler.
func never(*framework.Route, framework.Handler) framework.Handler {
	return func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Continue, nil }
}

func TestFiltersWithMiddleware(t *testing.T) {
	t.Parallel()
	path := unix(t)
	a := app(t, new(testproc.Buffer),
		fx.Supply(at(path)),
		milterfx.Filters(
			stamp("always"),
			milterfx.Filter(func() stamp { return "never" }, framework.With(never)),
			milterfx.Filter(framework.AsFilter("refuse", refuse, framework.StageRcpt), framework.With(never)),
			milterfx.Filter(func() framework.Filter { return stamp("open") }, framework.FailOpen(), framework.With()),
		),
	)
	a.RequireStart()
	assert.Equal(t, []string{"always", "open"}, stamps(t, path))
	a.RequireStop()
}

func TestNoFilterIsAnEmptyList(t *testing.T) {
	t.Parallel()
	path := unix(t)
	a := app(t, new(testproc.Buffer), fx.Supply(at(path)), milterfx.Filters())
	a.RequireStart()
	assert.Empty(t, stamps(t, path))
	a.RequireStop()
}

func TestWrongSources(t *testing.T) {
	t.Parallel()
	var nilFunc func() framework.Filter
	tests := map[string]struct {
		source any
		says   string
	}{
		"nil":             {nil, "nil"},
		"a number":        {7, "int is neither a filter nor a constructor"},
		"nil constructor": {nilFunc, "the constructor is nil"},
		"no result":       {func() {}, "the constructor's first result is not a framework.Filter: func()"},
		"another result":  {func() (int, error) { return 0, nil }, "first result is not a framework.Filter"},
		"too many":        {func() (stamp, int) { return "", 0 }, "only other result may be an error"},
		"in an entry":     {milterfx.Filter(7), "neither a filter"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := failing(fx.Supply(at(unix(t))), milterfx.Filters(stamp("fine"), c.source))
			var mistake *framework.RegistrationError
			require.ErrorAs(t, err, &mistake)
			assert.Contains(t, mistake.Where, "milterfx/filters_test.go:")
			assert.Equal(t, "number 2", mistake.Filter)
			assert.Contains(t, mistake.Reason, c.says)
		})
	}
}

func TestConstructorFails(t *testing.T) {
	t.Parallel()
	wrong := errors.New("no database")
	err := failing(fx.Supply(at(unix(t))), milterfx.Filters(func() (stamp, error) { return "", wrong }))
	require.ErrorIs(t, err, wrong)
	assert.Contains(t, err.Error(), "filters_test.go:", "it names the constructor")
}

func TestConstructorLacksADependency(t *testing.T) {
	t.Parallel()
	err := failing(fx.Supply(at(unix(t))), milterfx.Filters(func(names) stamp { return "" }))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "milterfx_test.names")
}

func TestOneList(t *testing.T) {
	t.Parallel()
	err := failing(fx.Supply(at(unix(t))), milterfx.Filters(stamp("a")), milterfx.Filters(stamp("b")))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "cannot provide milterfx.Lanes")
	assert.Contains(t, err.Error(), "already provided")
	assert.Contains(t, err.Error(), "filters_test.go:", "it names the second list")

	err = failing(fx.Supply(at(unix(t))))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "milterfx.Lanes", "no list is a mistake; an empty one is not")
}
