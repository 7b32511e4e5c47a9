package yamlconf

import (
	"errors"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// These are the types of values that YAML does not have. They remember their position, so
// that an error can name it.
type (
	// Word is a text.
	Word struct {
		Text string
		Position
	}
	// Words is a list of texts.
	Words struct {
		List []Word
		Position
	}
	// Network is a network, or an address.
	Network struct{ netip.Prefix }
	// Address is a host, which may be empty, and a port.
	Address struct{ Text string }
	// Date is a day, or a time.
	Date struct{ time.Time }
	// Duration is a time of more than 0.
	Duration struct {
		time.Duration
		Position
	}
	// Count is a whole number.
	Count struct {
		N int
		Position
	}
	// Limit is a whole number of 1 or more.
	Limit struct{ N int }
	// Raw is a part of a file that is decoded later. It is nil if the file does not have
	// it.
	Raw struct{ *yaml.Node }
)

// UnmarshalYAML implements [yaml.Unmarshaler].
func (r *Raw) UnmarshalYAML(n *yaml.Node) error {
	r.Node = n
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (w *Word) UnmarshalYAML(n *yaml.Node) error {
	w.Position = At(n)
	return n.Decode(&w.Text)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (w *Words) UnmarshalYAML(n *yaml.Node) error {
	w.Position = At(n)
	return Decode(n, &w.List)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Network) UnmarshalYAML(n *yaml.Node) error {
	p, err := netip.ParsePrefix(n.Value)
	if addr, addrErr := netip.ParseAddr(n.Value); addrErr == nil && addr.Zone() == "" {
		p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil {
		return errors.New("want an address or a network such as 192.0.2.0/24")
	}
	v.Prefix = p.Masked()
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Address) UnmarshalYAML(n *yaml.Node) error {
	v.Text = n.Value
	return monitor.CheckAddress(n.Value)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Date) UnmarshalYAML(n *yaml.Node) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, n.Value); err == nil {
			v.Time = t
			return nil
		}
	}
	return errors.New("want a date such as 2026-01-31, in UTC, or 2026-01-31T12:00:00Z")
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Duration) UnmarshalYAML(n *yaml.Node) (err error) {
	v.Position = At(n)
	if v.Duration, err = time.ParseDuration(n.Value); err != nil || v.Duration <= 0 {
		return errors.New("want a duration such as 10s, 15m or 168h")
	}
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Count) UnmarshalYAML(n *yaml.Node) error {
	v.Position = At(n)
	return n.Decode(&v.N)
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *Limit) UnmarshalYAML(n *yaml.Node) error {
	if err := n.Decode(&v.N); err != nil || v.N <= 0 {
		return errors.New("want a number of 1 or more")
	}
	return nil
}

// Texts returns the texts of words, and nil only for a list that is missing.
func Texts(words []Word) []string {
	if words == nil {
		return nil
	}
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.Text
	}
	return all
}

// Prefixes returns the networks of a list. It returns nil only for a list that
// is missing: an empty list has no network, while a missing list means the
// default.
func Prefixes(list []Network) []netip.Prefix {
	if list == nil {
		return nil
	}
	out := make([]netip.Prefix, 0, len(list))
	for _, n := range list {
		out = append(out, n.Prefix)
	}
	return out
}
