package framework

import (
	"net"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

// Listen opens a socket at an address in the syntax of MTAs and libmilter:
//
//	inet:9000@127.0.0.1   inet:127.0.0.1:9000   inet:9000
//	inet6:9000@::1        inet6:[::1]:9000
//	unix:/run/filter.sock   local:/run/filter.sock
//	unix:/run/filter.sock?mode=0660&owner=filter&group=postfix
//	fd:NAME
//
// A port without a host listens on all addresses. A unix socket gets its mode,
// owner and group before any client can connect. The default mode is 0660. If the
// path is a socket that no process listens on, Listen replaces it. If a process
// listens on it, Listen returns an error. fd:NAME takes over a socket that systemd
// passed under that name (LISTEN_FDNAMES), or under that number, counted from 0. An
// error names the address.
func Listen(address string) (net.Listener, error) { return listen.Open(address) }
