// Package handover restarts a milter without a moment in which nobody listens:
// at a signal the process starts a successor, which inherits the listening
// sockets, and drains once the successor serves. MTAs notice nothing.
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
// The successor is the program that now lies where this one was started from,
// with the same arguments, working directory and environment. So it is a new
// version where one was installed, and reads its configuration anew. When it
// cannot start, because its configuration is wrong for instance, it ends with its
// own error, and the process that there is goes on as if nothing had been.
//
// # What happens
//
//  1. At the signal, SIGUSR2 unless [Config] says otherwise, the successor is
//     started with the sockets of all addresses.
//  2. It starts as always, but that an address which its predecessor served is not
//     bound again. Connections that come in now wait, or are taken by either of
//     the two.
//  3. Once its application has started, it tells so. The old process then stops,
//     as at SIGTERM: it takes no new MTAs, lets messages finish, and ends with
//     the exit status 0.
//
// Nobody but the old process's own clients waits for its drain, so that it may
// take its time. Its idle sessions are closed after four fifths of
// [milterfx.Config] DrainTimeout, unless Server.DrainGrace says otherwise. There
// are at most two processes: while the old one drains, a signal to the new one
// waits for its end.
//
// Module is the last in the list of options: what starts after it starts when the
// predecessor was sent away already.
//
// # Sockets
//
// A socket is known by its address. An address that the successor no longer has in
// its configuration is closed when it is ready, and a new one is bound. The file
// of a unix socket stays, with mode and owner: options of the address apply when a
// socket is made. When a process ends without a successor it removes its socket
// files, as always.
//
// Other sockets of the program, such as that of a health endpoint, cannot be bound
// by two processes either. [Handover.Listen] hands them over in the same way.
//
// # Under a service manager
//
// With systemd a socket unit does much of this, and is simpler: connections wait
// while the service restarts. Where that is too long, systemd must learn which
// process is the main one. One of these is enough:
//
//   - Type=notify with [github.com/sluicemail/sluice/framework/systemd], which
//     tells it (MAINPID) and says nothing of stopping.
//   - PIDFile= in the unit, and Config.PIDFile.
//
// and in either case
//
//	ExecReload=/bin/kill -USR2 $MAINPID
//
// Under a supervisor that does not know of such things, and in a container whose
// only process is the milter, the end of the first process is the end of all.
// There, start another instance beside the first one, and stop that.
//
// # Limits
//
// One application in a process can hand over: a second one does not start. Nor
// does any on systems that are no Unix.
package handover
