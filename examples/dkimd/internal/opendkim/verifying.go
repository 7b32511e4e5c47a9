package opendkim

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of dkimd.
const minBits = 1024

// verifying writes how messages are verified.
func (c *conversion) verifying() {
	c.heading(0, "verifying")
	if s := c.set["MaximumSignaturesToVerify"]; s == nil {
		c.line(1, "max_signatures: 3", s)
	} else if s.number() > 0 {
		c.line(1, "max_signatures: "+strconv.Itoa(s.number()), s)
	} else {
		c.note(s, Explained, "dkimd verifies 10 signatures of a message, those of the author's domain first")
	}
	if s := c.set["MinimumKeyBits"]; s != nil {
		c.line(1, "min_bits: "+strconv.Itoa(max(s.number(), minBits)), s)
		if s.number() < minBits {
			c.note(s, Explained, "receivers must not accept smaller keys than 1024 bits (RFC 8301)")
		}
	}
	if s := c.set["ClockDrift"]; s != nil {
		c.line(1, "skew: "+strconv.Itoa(max(s.number(), 1))+"s", s)
	}
	c.remark(1, "body_length: accept, which OpenDKIM does, is not safe: anyone can add text.")
	c.policies()
}

// policies writes the actions for messages without a valid signature.
func (c *conversion) policies() {
	noSignature, unsigned := c.action("On-NoSignature", "accept")
	if noSignature != nil && unsigned != "accept" && c.yes("AlwaysAddARHeader") {
		c.note(noSignature, Explained, "OpenDKIM does not apply it to unsigned mail with AlwaysAddARHeader")
		unsigned = "accept"
	}
	badSignature, fail := c.action("On-BadSignature", "accept")
	noKey, unknownKey := c.action("On-KeyNotFound", "accept")
	dnsError, temporary := c.action("On-DNSError", "tempfail")
	if s := c.set["Quarantine"]; s != nil && s.yes() && fail == "accept" {
		badSignature, fail, unknownKey = s, "quarantine", "quarantine"
	}
	if unknownKey != fail {
		c.changes(cmp.Or(noKey, badSignature), "dkimd has one action for a bad signature and for a missing key; it is %q", fail)
	}
	c.heading(1, "policies")
	c.heading(2, `"*"`)
	if unsigned != "accept" {
		c.line(3, "unsigned: "+unsigned, noSignature)
		c.changes(noSignature, "dkimd asks for a signature of the author's domain; OpenDKIM is content with one of any domain")
	}
	if fail != unsigned { // unsigned is the default
		c.line(3, "fail: "+fail, badSignature)
	}
	if fail != "accept" {
		c.changes(badSignature, "dkimd judges the signatures of the author's domain; OpenDKIM judges those of any domain")
	}
	if temporary != "accept" {
		c.line(3, "temperror: "+temporary, dnsError)
	}
	for _, name := range []string{"On-InternalError", "On-Security", "On-SignatureError"} {
		if s, action := c.action(name, "tempfail"); s != nil && action != "tempfail" && s.Option.Name == name {
			c.changes(s, "%s", s.Option.Text)
		}
	}
}

// action returns the action for an event, and the setting that it comes from:
// the event's, or On-Default. The setting is nil for OpenDKIM's default.
func (c *conversion) action(name, byDefault string) (*Setting, string) {
	s := cmp.Or(c.set[name], c.set["On-Default"])
	if s == nil {
		return nil, byDefault
	}
	for _, action := range []string{"accept", "quarantine", "reject", "tempfail"} {
		if strings.EqualFold(s.Value, action) || strings.EqualFold(s.Value, action[:1]) {
			return s, action
		}
	}
	if !strings.EqualFold(s.Value, "discard") && !strings.EqualFold(s.Value, "d") {
		c.fail(s, "want accept, discard, quarantine, reject or tempfail, not %q", s.Value)
		return s, byDefault
	}
	c.changes(s, "dkimd discards no mail; the mail is accepted unless you choose another action")
	return s, "accept"
}

// dns writes where keys are looked up.
func (c *conversion) dns() {
	c.heading(0, "dns")
	if s := c.set["DNSTimeout"]; s != nil && s.number() > 0 {
		c.line(1, "timeout: "+strconv.Itoa(s.number())+"s", s)
	} else if s != nil {
		c.note(s, Explained, "dkimd always has a limit; its default is used")
	}
	if s := c.set["Nameservers"]; s != nil {
		var servers []string
		for server := range strings.SplitSeq(s.Value, ",") {
			address, err := netip.ParseAddr(strings.TrimSpace(server))
			if err != nil {
				c.fail(s, "want IP addresses between commas, not %q", server)
				continue
			}
			servers = append(servers, net.JoinHostPort(address.String(), "53"))
		}
		c.line(1, "servers: "+list(servers), s)
	}
	for _, name := range []string{"TestPublicKeys", "TestDNSData"} {
		s := c.set[name]
		if s == nil {
			continue
		}
		kind, path, found := strings.Cut(s.Value, ":")
		if !found {
			path = s.Value
		} else if kind != "file" {
			c.note(s, Differs, "dns.records is a file with a name and its text on each line")
			continue
		}
		c.line(1, "records: "+scalar(c.file(path)), s)
		return
	}
}
