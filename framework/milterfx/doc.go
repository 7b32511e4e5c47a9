// Package milterfx runs a milter as part of an fx application: filters are
// constructed with their dependencies, the server starts and stops with the
// application, and a server that fails ends it.
//
//	fx.New(
//		milterfx.Defaults(),
//		milterfx.Module,
//		fx.Supply(milterfx.Config{Listen: []string{"inet:9000@127.0.0.1"}}),
//		fx.Provide(openDatabase),
//		milterfx.Filters(
//			milterfx.Filter(newGreylist, framework.FailOpen()), // func(*sql.DB) (*Greylist, error)
//			newTagger, // func() framework.Filter
//		),
//	).Run()
//
// [Filters] is the one list of filters, in lane order. [Config] is what the
// application supplies or provides. [Module] provides a [*framework.Server], its
// [*framework.Plan] and a [*Status], and nothing else.
//
// # Start
//
// Filters are constructed, registered and checked by fx.New, and nothing is
// bound there: a program that prints the plan need not start the application.
// Mistakes are in App.Err, with the file and line of each.
//
// The OnStart hook binds all addresses. When one cannot be bound, the others are
// closed, the start fails, and fx stops what was started. Filters and
// what they depend on are constructed before the server is, so fx starts them
// first and stops them last: no mail comes before a database is there, and the
// database stays until the last message is through.
//
// # Stop
//
// The OnStop hook takes no new MTAs and lets those that are there finish their
// messages. It has until the earliest of three:
//
//   - Config.DrainTimeout, 30 seconds by default.
//   - The end of fx's stop timeout, less a fifth of it that is at most two
//     seconds. fx gives all OnStop hooks one timeout together, 15 seconds by
//     default, and runs none of the hooks that are left once it is over: the
//     fifth is so that databases and the like are still closed in order.
//   - A second SIGINT or SIGTERM, as [framework.Run] has it.
//
// Then what is left is closed. MTAs treat their messages as their configuration
// says, in general by asking the client to come back. Stop returns an error, so
// that the exit status is 1, unless it was the second signal.
//
// So the stop timeout must exceed the drain timeout, or it governs instead. fx
// takes it from the top of the application alone, not from a module: [Defaults]
// sets it to [StopTimeout], and an fx.StopTimeout that stands after it wins.
// Whoever stops the process must wait longer still: TimeoutStopSec of systemd,
// terminationGracePeriodSeconds of Kubernetes (30 by default), "docker stop -t"
// (10 by default).
//
// # Failure
//
// When a listener fails for good the hook logs it and ends the application, with
// the exit status [ExitCode]; MTAs on other listeners are drained as above.
// Accept errors that pass, such as a lack of descriptors, are waited out.
//
// # Readiness
//
// [Status] tells whether MTAs are served: a health endpoint asks
// [Status.Ready], a notifier such as sd_notify registers with [Status.Watch].
//
// # Without fx
//
// The package adds nothing that needs fx: [framework.NewRouter], Router.Use,
// Router.Mount in lane order, [framework.NewServer], [framework.Listen],
// Server.Serve and Server.Shutdown do the same, and [framework.Run] does it for
// one address. [New] is an ordinary function.
package milterfx
