package milterfx_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/wire/mta"
)

// Denylist is a dependency of the example filter.
type Denylist map[string]bool

func NewDenylist() Denylist { return Denylist{"spam@example.org": true} }

// Bouncer refuses messages from senders on the list.
type Bouncer struct{ list Denylist }

func NewBouncer(list Denylist) (*Bouncer, error) {
	if len(list) == 0 {
		return nil, errors.New("the list is empty")
	}
	return &Bouncer{list}, nil
}

func (*Bouncer) Name() string { return "bouncer" }

func (b *Bouncer) Register(r *framework.Router) error {
	r.OnMail(func(_ *framework.Session, m *framework.Mail) (framework.Verdict, error) {
		if b.list[m.Sender()] {
			return framework.Reject, nil
		}
		return framework.Continue, nil
	})
	return nil
}

// send acts as the MTA and returns the verdict on one message.
func send(status *milterfx.Status, sender string) (verdict mta.Response, err error) {
	ctx := context.Background()
	conn, err := mta.Dial(ctx, "inet:"+status.Addrs()[0].String(), mta.Config{})
	if err != nil {
		return verdict, err
	}
	outcome, err := conn.Send(ctx, &mta.Message{Sender: mta.Address{Addr: sender}})
	if err == nil {
		err = conn.Quit(ctx)
	}
	return outcome.Verdict, err
}

// quiet returns a logger that writes only warnings and errors.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func Example() {
	var status *milterfx.Status // tells the example which port was chosen
	app := fx.New(
		milterfx.Defaults(),
		milterfx.Module,
		fx.Supply(milterfx.Config{Listen: []string{"inet:0@127.0.0.1"}}),
		fx.Provide(quiet, NewDenylist),
		milterfx.Filters(NewBouncer),
		fx.Populate(&status),
	)
	// A program calls app.Run here, which starts, waits for a signal, and stops.
	if err := app.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(status.State())
	fmt.Println(send(status, "<ann@example.org>"))
	fmt.Println(send(status, "<spam@example.org>"))

	fmt.Println(app.Stop(context.Background()), status.State())
	// Output:
	// ready
	// SMFIR_CONTINUE <nil>
	// SMFIR_REJECT <nil>
	// <nil> stopped
}

// The plan is available before any address is bound.
func ExampleModule() {
	var plan *framework.Plan
	app := fx.New(
		fx.NopLogger,
		milterfx.Module,
		fx.Supply(milterfx.Config{Listen: []string{"inet:9000@127.0.0.1"}}),
		fx.Provide(NewDenylist),
		milterfx.Filters(NewBouncer),
		fx.Populate(&plan),
	)
	fmt.Println(app.Err())
	for line := range strings.Lines(plan.String()) {
		if strings.Contains(line, "SMFIP_NR_MAIL") {
			fmt.Print(line)
		}
	}
	// Output:
	// <nil>
	// -  SMFIP_NR_MAIL     OnMail by bouncer at milterfx/example_test.go:36
}

// The lanes are in the order of the list. The filter "newcomer" only runs as a
// trial. The filter "seen" is a value that needs no constructor.
func ExampleFilters() {
	var plan *framework.Plan
	app := fx.New(
		fx.NopLogger,
		milterfx.Module,
		fx.Supply(milterfx.Config{Listen: []string{"inet:9000@127.0.0.1"}}),
		fx.Provide(NewDenylist),
		milterfx.Filters(
			milterfx.Filter(NewBouncer, framework.FailOpen()),
			stamp("seen"),
			milterfx.Filter(func() framework.Filter { return stamp("newcomer") }, framework.DryRun()),
		),
		fx.Populate(&plan),
	)
	text, err := plan.MarshalJSON()
	filters, _, _ := strings.Cut(string(text), `,"actions"`)
	fmt.Println(filters, err, app.Err())
	// Output:
	// {"filters":["bouncer","seen","newcomer"] <nil> <nil>
}

// office is a condition: it leaves mail of the office to the other filters. A program uses
// middleware.When.
func office(rt *framework.Route, next framework.Handler) framework.Handler {
	from := rt.WantMacro(framework.StageConnect, "client_addr")
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		if addr, _ := from.Value(s); strings.HasPrefix(addr, "10.") {
			return framework.Continue, nil
		}
		return next(s, ev)
	}
}

// The middleware office is around one filter only. The plan names it and its place in the
// list.
func ExampleFilter() {
	var plan *framework.Plan
	app := fx.New(
		fx.NopLogger,
		milterfx.Module,
		fx.Supply(milterfx.Config{Listen: []string{"inet:9000@127.0.0.1"}}),
		fx.Provide(NewDenylist),
		milterfx.Filters(
			milterfx.Filter(NewBouncer, framework.FailOpen(), framework.With(office)),
			stamp("seen"),
		),
		fx.Populate(&plan),
	)
	fmt.Println(app.Err())
	for line := range strings.Lines(plan.String()) {
		if strings.Contains(line, "by bouncer") && strings.Contains(line, "SMFIM") {
			fmt.Print(line)
		}
	}
	// Output:
	// <nil>
	// +  SMFIM_CONNECT {client_addr}  milterfx.office by bouncer at milterfx/example_test.go:158
}

// A constructor of the Config can have dependencies, for middleware or from the
// program's settings.
func ExampleConfig() {
	newConfig := func(log *slog.Logger) milterfx.Config {
		trace := func(rt *framework.Route, next framework.Handler) framework.Handler {
			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
				verdict, err := next(s, ev)
				log.Warn("handled", "stage", rt.Stage().String(), "verdict", verdict.String())
				return verdict, err
			}
		}
		return milterfx.Config{
			Listen:       []string{"inet:0@127.0.0.1", "inet:0@127.0.0.1"},
			Server:       framework.Config{MaxHeaders: 1000},
			Use:          []framework.Middleware{trace},
			DrainTimeout: milterfx.StopTimeout / 2,
		}
	}
	noTime := func() *slog.Logger {
		return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
			Level: slog.LevelWarn,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))
	}
	var status *milterfx.Status
	app := fx.New(
		milterfx.Defaults(),
		milterfx.Module,
		fx.Provide(newConfig, noTime, NewDenylist),
		milterfx.Filters(NewBouncer),
		fx.Populate(&status),
	)
	fmt.Println(app.Start(context.Background()), len(status.Addrs()))
	fmt.Println(send(status, "<spam@example.org>"))
	fmt.Println(app.Stop(context.Background()))
	// Output:
	// <nil> 2
	// level=WARN msg=handled stage=mail verdict=reject
	// SMFIR_REJECT <nil>
	// <nil>
}

// A health endpoint queries the status. A notifier, such as one for systemd,
// watches it.
func ExampleStatus() {
	app := fx.New(
		fx.NopLogger,
		milterfx.Module,
		fx.Supply(milterfx.Config{Listen: []string{"inet:0@127.0.0.1"}}, quiet()),
		milterfx.Filters(),
		fx.Invoke(func(status *milterfx.Status) {
			status.Watch(func(s milterfx.State) {
				switch s {
				case milterfx.Ready:
					fmt.Println("READY=1")
				case milterfx.Draining:
					fmt.Println("STOPPING=1")
				case milterfx.Starting, milterfx.Stopped:
				}
			})
		}),
	)
	fmt.Println(app.Start(context.Background()))
	fmt.Println(app.Stop(context.Background()))
	// Output:
	// READY=1
	// <nil>
	// STOPPING=1
	// <nil>
}
