package handover

import (
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/cloudflare/tableflip"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/listen"
)

// unlinker is a listener of a unix socket, which can be closed with its file
// left in place.
type unlinker interface{ SetUnlinkOnClose(unlink bool) }

// unlink says whether the files of the sockets end with this process.
func (h *Handover) unlink(with bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range h.sockets {
		u.SetUnlinkOnClose(with)
	}
}

// Listen returns the socket that the predecessor had at the address, or else
// opens it as [framework.Listen] does. The server's sockets are opened so; other
// parts of an application use it for sockets of their own, in an OnStart hook
// and with addresses that nobody else uses. They close what they are given when
// they stop, as always. Where milterfx's Status has a Successor, they should do
// so at once: two processes share the socket from then on.
func (h *Handover) Listen(address string) (net.Listener, error) { return h.listen(address, nil) }

// listen opens a socket with open, or framework.Listen if that is nil, where the
// predecessor has none.
func (h *Handover) listen(address string, open func(string) (net.Listener, error)) (net.Listener, error) {
	flip, err := h.upgrader()
	if err != nil {
		return nil, err
	}
	if open == nil {
		open = framework.Listen
	}
	network, name := h.key(address)
	ln, err := flip.Listener(network, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("handover: address %q: %w", address, err)
	case ln != nil:
		return h.adopt(address, ln)
	}
	if ln, err = open(address); err != nil {
		return nil, err
	}
	return h.share(flip, network, name, ln)
}

// key names a socket for the successor. The library removes the file of a unix
// socket that the successor does not take, if it finds the path in the name. An
// address may be there twice, with a port of the system's choice.
func (h *Handover) key(address string) (network, name string) {
	if path, ok := listen.SocketPath(address); ok {
		return "unix", path
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened[address]++
	return "milter " + strconv.Itoa(h.opened[address]), address
}

// adopt takes an inherited socket. The file is the predecessor's until this
// process is ready.
func (h *Handover) adopt(address string, ln net.Listener) (net.Listener, error) {
	adopted, err := listen.Adopt(address, ln)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if u, ok := adopted.(unlinker); ok {
		u.SetUnlinkOnClose(false)
		h.sockets = append(h.sockets, u)
	}
	return adopted, nil
}

// shared is a listener of which the library sees no more than it needs: it would
// have the file of a unix socket stay, at once and for good.
type shared struct {
	net.Listener
	syscall.Conn
}

// share has a socket of this process passed on to the successor.
func (h *Handover) share(flip *tableflip.Upgrader, network, name string, ln net.Listener) (net.Listener, error) {
	conn, ok := ln.(syscall.Conn)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("handover: address %q: a %T cannot be handed over", name, ln)
	}
	if err := flip.AddListener(network, name, shared{ln, conn}); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("handover: address %q: %w", name, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if u, ok := ln.(unlinker); ok {
		h.sockets = append(h.sockets, u)
	}
	return ln, nil
}
