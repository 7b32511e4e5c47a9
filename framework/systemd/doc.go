// Package systemd notifies systemd about the state of a milter, for units of
// Type=notify. It reports that the server is ready, that it drains and, if the
// unit has a WatchdogSec, that it is alive.
//
//	fx.New(
//		milterfx.Defaults(),
//		milterfx.Module,
//		systemd.Module,
//		…
//	).Run()
//
// The module does nothing if the environment has no NOTIFY_SOCKET. That is so
// if systemd did not start the process or the unit has another type. An
// application can therefore always include the module.
//
// # Notifications
//
//   - READY=1 once all addresses are bound. Units that are ordered after this
//     one, such as the MTA's, start only then.
//   - STOPPING=1 when draining begins, whatever the cause.
//   - WATCHDOG=1 at half the interval that the unit sets, from the time the
//     server is ready until it has stopped. With [Config] it can depend on a
//     check. Without a check it shows only that the process is running.
//   - STATUS, a text for "systemctl status": the addresses, or that the server
//     drains, or the result of the last reload.
//   - RELOADING=1 with MONOTONIC_USEC, and READY=1 again, if the application reloads
//     its configuration within [Reload].
//
// If the process hands its sockets over to a successor, as with
// [github.com/sluicemail/sluice/framework/handover], it sends MAINPID instead
// of STOPPING. The service then continues with the successor, which sends
// WATCHDOG=1 from then on. The unit needs NotifyAccess=main, which is the
// default for Type=notify.
//
// This package does not handle sockets that systemd holds. [framework.Listen]
// takes them by the address fd:NAME.
package systemd
