package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// Family is the kind of address that an SMTP client has: SMFIA_ in mfdef.h.
type Family byte

// The address families.
const (
	FamilyUnknown Family = 'U' // SMFIA_UNKNOWN: the MTA does not know
	FamilyUnix    Family = 'L' // SMFIA_UNIX: a path
	FamilyInet    Family = '4' // SMFIA_INET: IPv4
	FamilyInet6   Family = '6' // SMFIA_INET6: IPv6
)

// Connect is SMFIC_CONNECT: an SMTP client has connected.
type Connect struct {
	// Host is the client's name as the MTA looked it up, or the client's
	// address in square brackets if it has no name.
	Host   []byte
	Family Family
	// Port is zero if the family has no ports.
	Port uint16
	// Address is the client's address in the form in which the MTA sent it.
	// An IPv6 address may have the prefix "IPv6:". Address is a path for
	// FamilyUnix and empty for FamilyUnknown.
	Address []byte
}

// CommandCode implements [Command].
func (*Connect) CommandCode() CommandCode { return CmdConnect }

// Decode implements [Command].
func (m *Connect) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdConnect}
	*m = Connect{Host: c.text(), Family: Family(c.byte())}
	switch m.Family {
	case FamilyUnknown:
		return c.err // further data is ignored
	case FamilyUnix, FamilyInet, FamilyInet6:
		m.Port, m.Address = c.uint16(), c.text()
	default:
		c.fail("unknown address family")
	}
	return c.doneLenient()
}

// Encode implements [Command].
func (m *Connect) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdConnect), CmdConnect.String())
	e.textBytes(m.Host)
	e.raw([]byte{byte(m.Family)})
	switch m.Family {
	case FamilyUnknown:
	case FamilyUnix, FamilyInet, FamilyInet6:
		e.raw(binary.BigEndian.AppendUint16(nil, m.Port))
		e.textBytes(m.Address)
	default:
		e.fail("unknown address family")
	}
	return e.done()
}

// Addr returns the client's IP address. It returns the zero Addr if the family
// has no IP address or the MTA sent an invalid one.
func (m *Connect) Addr() netip.Addr {
	if m.Family != FamilyInet && m.Family != FamilyInet6 {
		return netip.Addr{}
	}
	text := string(m.Address)
	if len(text) > 5 && strings.EqualFold(text[:5], "IPv6:") {
		text = text[5:]
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr
}

// String implements [Command].
func (m *Connect) String() string {
	return fmt.Sprintf("%v host=%q family=%c address=%q port=%d", CmdConnect, m.Host, m.Family, m.Address, m.Port)
}
