package realdns

import (
	"fmt"
	"strings"
)

// Zone is what a server has.
type Zone struct {
	// Text are records in the form of master files (RFC 1035 section 5), with complete names.
	// Each line has the name of its record: white space before it means nothing.
	Text string
	// TTL is the TTL of records without one, in seconds. It defaults to an hour. MinTTL is
	// that of what does not exist (RFC 2308), and defaults to TTL.
	TTL, MinTTL int
	// Dead are names for which the server answers SERVFAIL, as for all names below them: it
	// should have their zones, and has not.
	Dead []string
}

// master returns the zone of the root as a master file.
func (z *Zone) master() string {
	ttl := z.TTL
	if ttl == 0 {
		ttl = 3600
	}
	minTTL := z.MinTTL
	if minTTL == 0 {
		minTTL = ttl
	}
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN .\n$TTL %d\n", ttl)
	fmt.Fprintf(&b, ". %d SOA ns.invalid. root.invalid. 1 3600 900 604800 %d\n. NS ns.invalid.\n", minTTL, minTTL)
	for line := range strings.Lines(z.Text) {
		b.WriteString(strings.TrimLeft(line, " \t"))
	}
	b.WriteString("\n")
	return b.String()
}

// config returns the configuration of NSD.
func (z *Zone) config(dir, port string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server:\n\tip-address: 127.0.0.1@%s\n\tserver-count: 1\n\tusername: \"\"\n\tdatabase: \"\"\n\trrl-ratelimit: 0\n", port)
	for _, setting := range [][2]string{
		{"zonesdir", dir}, {"pidfile", dir + "/nsd.pid"}, {"xfrdfile", dir + "/xfrd.state"}, {"zonelistfile", dir + "/zone.list"}, {"xfrdir", dir},
	} {
		fmt.Fprintf(&b, "\t%s: %q\n", setting[0], setting[1])
	}
	b.WriteString("remote-control:\n\tcontrol-enable: no\n")
	fmt.Fprintf(&b, "zone:\n\tname: \".\"\n\tzonefile: %q\n", zoneFile)
	for _, name := range z.Dead {
		fmt.Fprintf(&b, "zone:\n\tname: %q\n\tzonefile: \"missing\"\n", strings.TrimSuffix(name, "."))
	}
	return b.String()
}

const zoneFile = "root.zone"
