package listen

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// openSystemd takes over a socket that systemd passed to this process, by its name
// in LISTEN_FDNAMES or by its number, counted from 0 (sd_listen_fds(3)).
func openSystemd(address, name string) (net.Listener, error) {
	const first = 3
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, addressError(address, "no socket was passed to this process")
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range count {
		if i < len(names) && names[i] == name || strconv.Itoa(i) == name {
			f := os.NewFile(uintptr(first+i), name)
			defer func() { _ = f.Close() }()
			ln, err := net.FileListener(f)
			if err != nil {
				return nil, fmt.Errorf("framework: address %q: %w", address, err)
			}
			return ln, nil
		}
	}
	return nil, addressError(address, "no socket of that name was passed")
}
