package filter

import (
	"fmt"
	"net/netip"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
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

// CheckName returns an error if the filter cannot use the name. The program calls
// it at startup, because with a wrong name the filter would fail at every message.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("the field name %.20q… is longer than %d bytes; write a shorter one", name, maxName)
	}
	return message.CheckFieldName(name)
}
