package framework

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Listen opens a socket at an address in the syntax of MTAs and libmilter:
//
//	inet:9000@127.0.0.1   inet:127.0.0.1:9000   inet:9000
//	inet6:9000@::1        inet6:[::1]:9000
//	unix:/run/filter.sock   local:/run/filter.sock
//	unix:/run/filter.sock?mode=0660&owner=filter&group=postfix
//	fd:NAME
//
// A port without a host listens on all addresses. A unix socket is given its
// mode, owner and group before anyone can connect; the mode is 0660 unless it
// is given. A socket file that nobody listens on is replaced, a live one is an
// error. fd: takes over a socket that systemd passed under that name
// (LISTEN_FDNAMES), or under that number, counted from 0.
func Listen(address string) (net.Listener, error) {
	kind, rest, ok := strings.Cut(address, ":")
	if !ok || rest == "" {
		return nil, addressError(address, "want inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME")
	}
	switch kind {
	case "inet", "inet6":
		return listenTCP(address, kind, rest)
	case "unix", "local":
		return listenUnix(address, rest)
	case "fd":
		return listenFD(address, rest)
	}
	return nil, addressError(address, "no such kind of address: "+kind)
}

func addressError(address, reason string) error {
	return fmt.Errorf("framework: address %q: %s", address, reason)
}

func listenTCP(address, kind, rest string) (net.Listener, error) {
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[kind]
	host, port := "", rest
	if p, h, ok := strings.Cut(rest, "@"); ok {
		host, port = strings.Trim(h, "[]"), p
	} else if h, p, err := net.SplitHostPort(rest); err == nil {
		host, port = h, p
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, addressError(address, "the port is no number from 0 to 65535")
	}
	ln, err := net.Listen(network, net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	return ln, nil
}

// socketOptions are what can stand behind the path of a unix socket.
type socketOptions struct {
	mode     fs.FileMode
	uid, gid int
}

func listenUnix(address, rest string) (net.Listener, error) {
	path, query, _ := strings.Cut(rest, "?")
	opts, err := parseSocketOptions(query)
	if err != nil {
		return nil, addressError(address, err.Error())
	}
	if err := removeDead(path); err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	ln, err := bindUnix(path, opts)
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	return ln, nil
}

func parseSocketOptions(query string) (socketOptions, error) {
	opts := socketOptions{mode: 0o660, uid: -1, gid: -1}
	for opt := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(opt, "=")
		var err error
		switch key {
		case "":
		case "mode":
			var mode uint64
			mode, err = strconv.ParseUint(value, 8, 9)
			opts.mode = fs.FileMode(mode)
		case "owner":
			opts.uid, err = lookupID(value, func(name string) (string, error) {
				u, err := user.Lookup(name)
				if err != nil {
					return "", err
				}
				return u.Uid, nil
			})
		case "group":
			opts.gid, err = lookupID(value, func(name string) (string, error) {
				g, err := user.LookupGroup(name)
				if err != nil {
					return "", err
				}
				return g.Gid, nil
			})
		default:
			return opts, errors.New("no such option: " + key)
		}
		if err != nil {
			return opts, fmt.Errorf("option %s: %w", key, err)
		}
	}
	return opts, nil
}

// lookupID takes a number or a name.
func lookupID(value string, lookup func(string) (string, error)) (int, error) {
	if id, err := strconv.Atoi(value); err == nil && id >= 0 {
		return id, nil
	}
	text, err := lookup(value)
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(text)
}

// removeDead removes a socket that nobody listens on, as a crash leaves behind.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("%s: another process listens there", path)
	}
	return os.Remove(path)
}

// bindUnix binds in a new folder that nobody else can enter, sets mode and
// owner, and renames the socket into place: at no moment can it be opened by
// somebody who should not.
func bindUnix(path string, opts socketOptions) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".sluice-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	hidden := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = errors.Join(os.Chmod(hidden, opts.mode), os.Lchown(hidden, opts.uid, opts.gid))
	if err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return &unixListener{UnixListener: ln, path: path}, nil
}

// unixListener removes the socket's file, if it is still its own, when it is
// closed, and knows the name that the socket has in the end.
type unixListener struct {
	*net.UnixListener
	path string
}

// Addr implements net.Listener.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close implements net.Listener.
func (l *unixListener) Close() error {
	err := l.UnixListener.Close()
	if err == nil {
		_ = os.Remove(l.path)
	}
	return err
}

// listenFD takes over a socket that was passed by systemd.
func listenFD(address, name string) (net.Listener, error) {
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
