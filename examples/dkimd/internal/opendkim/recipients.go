package opendkim

import (
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// recipients writes the recipients whose mail is not signed. OpenDKIM compares
// whole addresses, and reads an asterisk in a refile: table only. dkimd would read
// a domain as all its addresses.
func (c *conversion) recipients() {
	s := c.set["DontSignMailTo"]
	entries, wildcards := c.entries("DontSignMailTo")
	var kept []string
	for i := range entries {
		e := &entries[i]
		err := dkim.CheckSender(e.Key)
		switch {
		case !isAddress(e.Key, wildcards):
			c.noteEntry(s, e, Explained, "%q is no address, so OpenDKIM signs the mail to it, and it is left out", e.Key)
		case err != nil && wildcards && strings.ContainsAny(e.Key, "*["):
			c.changesEntry(s, e, "%q is left out: %v", e.Key, err)
		case err != nil:
			c.noteEntry(s, e, Explained, "%q matches no recipient, and is left out: %v", e.Key, err)
		default:
			kept = append(kept, e.Key)
		}
	}
	if kept != nil {
		c.line(1, "except_recipients: "+list(kept), s)
	}
}

// isAddress reports whether a key can match an address in OpenDKIM.
func isAddress(key string, wildcards bool) bool {
	local, host, found := strings.Cut(key, "@")
	switch {
	case found && (local == "" || host == "" || strings.HasPrefix(host, ".")):
		return false
	case wildcards && strings.Contains(key, "*"):
		return true
	default:
		return found && !strings.Contains(key, "*")
	}
}
