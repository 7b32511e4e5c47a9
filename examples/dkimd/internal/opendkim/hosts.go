package opendkim

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim/tables"
)

// hosts writes the networks of InternalHosts. If dkimd reads the same from the
// file as OpenDKIM, its name is enough.
func (c *conversion) hosts() {
	s := c.set["InternalHosts"]
	if s == nil {
		c.line(1, "networks: [127.0.0.1]", nil)
		return
	}
	entries, wildcards := c.entries("InternalHosts")
	asFile := isFile(s.Value)
	var networks, except []string
	for i := range entries {
		hosts, same := c.host(s, &entries[i], entries, wildcards)
		asFile = asFile && same
		networks = append(networks, texts(hosts.Networks)...)
		except = append(except, texts(hosts.Except)...)
	}
	if asFile {
		c.line(1, "hosts_file: "+scalar(c.table(s.Value)), s)
		return
	}
	c.line(1, "networks: "+list(networks), s)
	if except != nil {
		c.line(1, "except: "+list(except), s)
	}
}

// host returns what OpenDKIM finds with an entry of a list of hosts, and whether
// dkimd finds the same if it reads the list. OpenDKIM looks up the text of the
// client's address and of each network that contains it, and the client's name.
func (c *conversion) host(s *Setting, e *tables.Entry, all []tables.Entry, wildcards bool) (hosts tables.Hosts, same bool) {
	bare := *e
	bare.Value = "" // OpenDKIM ignores it; dkimd refuses it
	hosts, err := readHost(&bare, wildcards)
	text := strings.TrimPrefix(e.Key, "!")
	switch {
	case strings.EqualFold(text, "localhost"):
		return c.localhost(s, e, all), false
	case err == nil && strings.Contains(text, "*"):
		c.wider(s, e, slices.Concat(hosts.Networks, hosts.Except)[0])
	case err == nil && !slices.ContainsFunc(slices.Concat(hosts.Networks, hosts.Except), func(p netip.Prefix) bool { return isTextOf(text, p, wildcards) }):
		c.noteEntry(s, e, Explained, "%q matches no client in OpenDKIM, which compares texts, and is left out; the network is %s", e.Key, slices.Concat(hosts.Networks, hosts.Except)[0])
		return tables.Hosts{}, false
	case err == nil:
	case matchesNone(e.Key, wildcards):
		c.noteEntry(s, e, Explained, "%q matches no client in OpenDKIM, and is left out: %v", e.Key, err)
	default:
		c.changesEntry(s, e, "%q is left out: %v", e.Key, err)
	}
	return hosts, err == nil && e.Value == ""
}

// localhost returns the addresses of an entry "localhost". For OpenDKIM it is
// the name of a client, which a client with another address cannot have.
func (c *conversion) localhost(s *Setting, e *tables.Entry, all []tables.Entry) tables.Hosts {
	mark := strings.TrimSuffix(strings.ToLower(e.Key), "localhost")
	var missing []netip.Prefix
	for _, text := range []string{"127.0.0.1", "::1"} {
		if !slices.Contains(keys(all), mark+text) {
			addr := netip.MustParseAddr(text)
			missing = append(missing, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	if missing == nil {
		c.noteEntry(s, e, Explained, "%q is the name of a client, whose addresses 127.0.0.1 and ::1 are in the list", e.Key)
		return tables.Hosts{}
	}
	c.changesEntry(s, e, "%q is the name of a client, which OpenDKIM looks up; dkimd looks up addresses, and has %s for it", e.Key, strings.Join(texts(missing), " and "))
	if mark != "" {
		return tables.Hosts{Except: missing}
	}
	return tables.Hosts{Networks: missing}
}

// wider adds a note about an entry such as 192.168.*, if OpenDKIM finds it for
// clients of a larger network: it also looks up the text 192.168.0.0/13.
func (c *conversion) wider(s *Setting, e *tables.Entry, p netip.Prefix) {
	address, bits := p.Addr().As4(), p.Bits()
	for bits > 0 && address[(bits-1)/8]>>(7-(bits-1)%8)&1 == 0 {
		bits--
	}
	if bits < p.Bits() {
		c.changesEntry(s, e, "OpenDKIM compares %q with the texts of networks too, and finds it for all clients in %s; dkimd has %s", e.Key, netip.PrefixFrom(p.Addr(), bits), p)
	}
}

// isTextOf reports whether OpenDKIM looks up a text for the clients of a
// network. Letters have no case. In a table with wildcards, brackets have another
// meaning.
func isTextOf(text string, p netip.Prefix, wildcards bool) bool {
	forms := []string{p.Addr().String(), "[" + p.Addr().String() + "]"}
	if wildcards {
		forms = forms[:1]
	}
	return slices.ContainsFunc(forms, func(form string) bool {
		return strings.EqualFold(text, form+"/"+strconv.Itoa(p.Bits())) || p.IsSingleIP() && strings.EqualFold(text, form)
	})
}

// matchesNone reports whether an entry that dkimd cannot read matches no client
// in OpenDKIM: an asterisk in a table without wildcards, or a network without all
// of its numbers.
func matchesNone(key string, wildcards bool) bool {
	return strings.Contains(key, "/") || strings.Contains(key, "*") && !wildcards || strings.Trim(key, "!") == "*"
}

// readHost reads an entry of a list of hosts.
func readHost(e *tables.Entry, wildcards bool) (tables.Hosts, error) {
	hosts, err := tables.ParseHosts([]tables.Entry{*e}, wildcards)
	if mistake := (*tables.Error)(nil); errors.As(err, &mistake) {
		err = errors.Unwrap(mistake.Err)
	}
	return hosts, err
}

// texts returns networks as texts.
func texts(networks []netip.Prefix) []string {
	var all []string
	for _, p := range networks {
		all = append(all, p.String())
	}
	return all
}
