package framework

import (
	"net/netip"

	"github.com/sluicemail/sluice/wire"
)

// Connect is the event of [StageConnect]: an SMTP client has connected to the
// MTA.
type Connect struct{ msg wire.Connect }

// Host returns the client's name as the MTA found it in the DNS, or its
// address in square brackets where there is none.
func (e *Connect) Host() string { return string(e.msg.Host) }

// Addr returns the client's IP address. It is the zero Addr for a client on a
// unix socket, and where the MTA does not know; ask IsValid.
func (e *Connect) Addr() netip.Addr { return e.msg.Addr() }

// Port returns the client's port, or 0 where it has none.
func (e *Connect) Port() uint16 { return e.msg.Port }

// Path returns the path of a client on a unix socket, and "" for others.
func (e *Connect) Path() string {
	if e.msg.Family != wire.FamilyUnix {
		return ""
	}
	return string(e.msg.Address)
}

// Stage implements [Event].
func (*Connect) Stage() Stage { return StageConnect }
func (*Connect) sealed()      {}
