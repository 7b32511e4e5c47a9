package main

import (
	"errors"
	"net/netip"

	"github.com/sluicemail/sluice/framework"
)

// Filter appends a header field with the SMTP client's address.
type Filter struct {
	// Header is the name of the field, which CheckName must accept.
	Header string
}

// Name implements [framework.Filter].
func (Filter) Name() string { return "addheaderip" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	if err := CheckName(f.Header); err != nil {
		return err
	}
	add := r.GrantAddHeader()
	client := framework.PerConnection[netip.Addr](r)
	r.ObserveConnect(func(s *framework.Session, e *framework.Connect) error {
		*client.Get(s) = e.Addr()
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, f.Header, describe(*client.Get(s)))
	})
	return nil
}

// describe returns the text of an address, or "unknown" for a client without an
// IP address: a client on a unix socket, or one whose address the MTA does not
// know.
func describe(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	return addr.String()
}

// maxName is the maximum length of a name. It keeps the field on one line of
// the usual length.
const maxName = 64

var errName = errors.New("the name of a header field has 1 to 64 printable ASCII characters without space and colon")

// CheckName returns an error if no header field can have the name (RFC 5322,
// section 2.2). The program calls it at startup, because with a wrong name the
// filter would fail at every message.
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return errName
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == ':' {
			return errName
		}
	}
	return nil
}
