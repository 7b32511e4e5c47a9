package authres

import (
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Judge decides which Authentication-Results fields of a message are forged. A field is
// forged if it claims to be of one of the IDs and came with the mail: see [Claims]. RFC 8601
// section 5 requires a border server to remove such fields.
//
// A field that an earlier filter of the same router added is not forged. A field that such a
// filter changed is judged like others, because the sender may have written a part of it.
type Judge struct {
	// IDs are the names of this host, and other names whose fields readers of the mail trust.
	// Empty ones are ignored.
	IDs []string
	// Relays are the networks of hosts that may send fields with the IDs, such as another
	// server of the same domain. No field from them is forged.
	Relays []netip.Prefix
}

// Forged reports whether a field that came from the client is forged. The address may be
// invalid, for a client whose address is not known; then it is in no network.
func (j Judge) Forged(f framework.Field, client netip.Addr) bool {
	return IsName(f.Name) && !f.Origin.Added() && !j.trusts(client) && Claims(f.Value, j.IDs...)
}

func (j Judge) trusts(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	return slices.ContainsFunc(j.Relays, func(p netip.Prefix) bool {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Contains(client)
	})
}

// Remover removes forged fields. [NewRemover] creates one.
type Remover struct {
	// Headers, Client and Change are what the filter has asked for.
	Headers framework.KeptHeader
	Client  framework.KeptClient
	Change  framework.HeaderChanger
}

// NewRemover asks for what a filter needs to remove forged fields: the header, the client's
// address, and the right to change the header. Call it when the filter registers. A filter that
// has asked for these things itself makes a Remover of them.
func NewRemover(r *framework.Router) *Remover {
	return &Remover{Headers: r.WantHeaders(), Client: r.WantClient(), Change: r.GrantChangeHeader()}
}

// Forged iterates over the forged fields of the message, top to bottom. Call it at the end of
// the headers or at the end of the message. A client on the host itself, such as a program
// that submits mail, has the address 127.0.0.1.
func (m *Remover) Forged(s *framework.Session, j Judge) iter.Seq[framework.Field] {
	return func(yield func(framework.Field) bool) {
		client := m.Client.Addr(s)
		if !client.IsValid() && strings.EqualFold(m.Client.Host(s), "localhost") {
			client = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		for f := range m.Headers.All(s) {
			if j.Forged(f, client) && !yield(f) {
				return
			}
		}
	}
}

// Remove deletes the forged fields at the end of the message, and returns their number.
func (m *Remover) Remove(s *framework.Session, j Judge) (n int, err error) {
	for f := range m.Forged(s, j) {
		if err := m.Change.Delete(s, f.Handle); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
