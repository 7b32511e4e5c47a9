// Package systemd tells systemd how a milter is, so that a unit can be of
// Type=notify: that it serves, that it drains, and, where the unit has a
// WatchdogSec, that it is alive.
//
//	fx.New(
//		milterfx.Defaults(),
//		milterfx.Module,
//		systemd.Module,
//		…
//	).Run()
//
// A process that systemd did not start, or whose unit is not of that type, has
// no NOTIFY_SOCKET in its environment, and nothing happens: the module can
// always be there.
//
// # What is told
//
//   - READY=1, when all addresses are bound: units that are ordered after this
//     one, such as the MTA's, start then and not before.
//   - STOPPING=1, when draining begins, whoever asked for it.
//   - WATCHDOG=1, at half the interval that the unit asks for, from the time the
//     server is ready until it has stopped. [Config] can have it depend on a
//     check; without one it says that the process runs and has time to say so.
//   - STATUS, a word for "systemctl status": the addresses, or that it drains.
//
// Where the sockets are handed over to a successor, as
// [github.com/sluicemail/sluice/framework/handover] does it, the process that ends
// tells MAINPID in place of STOPPING, so that the service goes on with its
// successor, and that one gives the signs of life. NotifyAccess=main, the
// default of a unit of Type=notify, is right for it.
//
// Sockets that systemd holds are not this package's: [framework.Listen] takes
// them by the address fd:NAME.
package systemd
