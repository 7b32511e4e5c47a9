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

// unlinker is a unix socket's listener that can be closed without removing its
// file.
type unlinker interface{ SetUnlinkOnClose(unlink bool) }

// setUnlink sets whether this process removes the files of its sockets when it
// closes them.
func (h *Handover) setUnlink(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range h.sockets {
		u.SetUnlinkOnClose(on)
	}
}

// Listen returns the socket that the predecessor had for the address. If there
// is none, Listen opens one as [framework.Listen] does. The server's sockets
// are opened in this way.
//
// Other parts of an application can call Listen in an OnStart hook, with
// addresses that no other part uses. They must close the listener when they
// stop. If the Status of milterfx has a Successor, they should close the
// listener at once, because the two processes share the socket from then on.
func (h *Handover) Listen(address string) (net.Listener, error) { return h.listen(address, nil) }

// listen returns the predecessor's socket. If there is none, it opens one with
// open, or with framework.Listen if open is nil.
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

// key returns the network and name by which the successor finds a socket. The
// name of a unix socket is its path, because tableflip then removes the file if
// the successor does not use the socket. Other addresses are numbered, because
// an address for which the system chooses the port may occur twice.
func (h *Handover) key(address string) (network, name string) {
	if path, ok := listen.SocketPath(address); ok {
		return "unix", path
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened[address]++
	return "milter " + strconv.Itoa(h.opened[address]), address
}

// adopt takes an inherited socket. The predecessor remains responsible for the
// socket's file until this process is ready.
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

// shared hides the methods of a listener that tableflip does not need. If
// tableflip saw SetUnlinkOnClose, it would disable the removal of the socket's
// file permanently.
type shared struct {
	net.Listener
	syscall.Conn
}

// share registers a socket of this process for the successor.
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
