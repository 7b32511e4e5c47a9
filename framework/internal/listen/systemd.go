package listen

import (
	"net"
	"os"
	"strconv"
	"strings"
)

// openSystemd takes over a socket that systemd passed to this process, by its name
// in LISTEN_FDNAMES or by its number, counted from 0 (sd_listen_fds(3)).
func openSystemd(a *address) (net.Listener, error) {
	const first = 3
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, a.error("no socket was passed to this process")
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range count {
		if i < len(names) && names[i] == a.rest || strconv.Itoa(i) == a.rest {
			f := os.NewFile(uintptr(first+i), a.rest)
			defer func() { _ = f.Close() }()
			ln, err := net.FileListener(f)
			return ln, a.fails(err)
		}
	}
	return nil, a.error("no socket of that name was passed")
}
