// Package milterfx runs a milter as part of an fx application. fx constructs the
// filters with their dependencies. The server starts and stops with the
// application, and a server that fails ends the application.
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
// [Filters] lists all filters in lane order. The application supplies or provides a
// [Config]. [Module] provides a [*framework.Server], its [*framework.Plan] and a
// [*Status].
//
// # Start
//
// fx.New constructs, registers and checks the filters. It binds no address, so a
// program can print the plan without starting the application. App.Err returns
// mistakes, each with its file and line.
//
// The OnStart hook binds all addresses. If one cannot be bound, the hook closes the
// others, the start fails, and fx stops what it has started. The filters and their
// dependencies are constructed before the server. Therefore fx starts them before
// the server and stops them after it: a database is open before the first message
// arrives and until the last message has ended.
//
// # Stop
//
// The OnStop hook accepts no new MTAs and lets connected MTAs finish their messages.
// It waits until the earliest of these:
//
//   - Config.DrainTimeout has passed. It defaults to 30 seconds.
//   - fx's stop timeout is nearly over: a fifth of it is left, or two seconds if
//     that is less. All OnStop hooks share this timeout, 15 seconds by default.
//     When it is over, fx skips the remaining hooks. The hook leaves some time so
//     that other parts, such as databases, are still closed in order.
//   - The process receives a second SIGINT or SIGTERM, as with [framework.Run].
//
// Then the hook closes the remaining connections. The MTAs treat the messages
// affected as they are configured to, usually with a temporary failure. Stop returns
// an error, so that the exit status is 1, except after a second signal.
//
// The stop timeout must therefore be longer than the drain timeout; otherwise it
// limits the drain. fx accepts a stop timeout only at the top level of an
// application, not in a module. [Defaults] sets it to [StopTimeout]; an
// fx.StopTimeout that follows Defaults overrides it. The process supervisor must
// wait even longer before it kills the process: TimeoutStopSec of systemd,
// terminationGracePeriodSeconds of Kubernetes (30 by default), "docker stop -t"
// (10 by default).
//
// # Failure
//
// If a listener fails permanently, the hook logs the error and ends the application
// with the exit status [ExitCode]. MTAs on the other listeners are drained as
// described above. After a temporary accept error, such as a lack of file
// descriptors, the server waits and tries again.
//
// # Readiness
//
// [Status] reports whether MTAs are served. A health endpoint calls [Status.Ready].
// A notifier, such as one for sd_notify, registers with [Status.Watch].
//
// # Without fx
//
// A program can do the same without fx, with [framework.NewRouter], Router.Use,
// Router.Mount in lane order, [framework.NewServer], [framework.Listen],
// Server.Serve and Server.Shutdown. [framework.Run] does it for one address. [New]
// can be called without an fx application.
package milterfx
