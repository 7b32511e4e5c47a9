// Package handover restarts a milter without refusing a connection. At a
// signal, the process starts a successor, which inherits the listening sockets.
// Once the successor serves, the old process drains. MTAs do not notice the
// restart.
//
//	fx.New(
//		milterfx.Defaults(),
//		milterfx.Module,
//		systemd.Module,
//		…
//		handover.Module,
//	).Run()
//
//	kill -USR2 $(cat /run/filter.pid)
//
// The old process starts the program file from which it was started itself,
// with the same arguments, working directory and environment. If a new version
// was installed, the successor is that version. It reads its configuration
// anew. If it cannot start, for example because of an invalid configuration, it
// exits with an error, and the old process continues to serve.
//
// # Sequence
//
//  1. At the signal, the old process starts the successor with the sockets of
//     all addresses. The signal is SIGUSR2 unless [Config] names another one.
//  2. The successor starts as usual, except that it does not bind an address
//     for which it inherited a socket. Meanwhile either process may accept a
//     new connection.
//  3. Once its application has started, the successor notifies the old process.
//     The old process then stops as at SIGTERM: it accepts no more MTAs, lets
//     messages finish, and exits with status 0.
//
// Only the old process's own clients wait for its drain, so the drain can be
// slow. Idle sessions are closed after four fifths of DrainTimeout in
// [milterfx.Config], unless Server.DrainGrace has another value. There are at
// most two processes: a signal to the new process takes effect only after the
// old one has exited.
//
// Module must be the last in the list of options. A component that starts after
// Module starts when the old process has already begun to stop.
//
// # Sockets
//
// The address identifies a socket. When the successor is ready, inherited
// sockets whose addresses are no longer in its configuration are closed. New
// addresses are bound. The file of a unix socket remains, with its mode and
// owner. Changed options of an address have no effect on a socket that exists.
// A process that ends without a successor removes its socket files as usual.
//
// Two processes cannot bind the program's other sockets either, such as that of
// a health endpoint. [Handover.Listen] hands these over in the same way.
//
// # Service managers
//
// With systemd, a socket unit does much of this and is simpler: connections
// wait while the service restarts. If they must not wait, systemd has to learn
// which process is the main one. Either of these is enough:
//
//   - Type=notify with [github.com/sluicemail/sluice/framework/systemd], which
//     sends MAINPID instead of STOPPING.
//   - PIDFile= in the unit and Config.PIDFile.
//
// Both need
//
//	ExecReload=/bin/kill -USR2 $MAINPID
//
// A supervisor without such a mechanism considers the service ended when the
// first process exits. The same is true in a container whose only process is
// the milter. There, start a second instance beside the first one, and then
// stop the first one.
//
// # Limits
//
// Only one application in a process can hand over. A second one fails to start.
// On systems other than Unix, every application with Module fails to start.
package handover
