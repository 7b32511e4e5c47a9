package resolver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// Config configures a [Resolver]. The zero value is ready to use: every limit
// that is 0 has its default.
type Config struct {
	// Servers are the addresses of recursive name servers with their ports,
	// such as "127.0.0.1:53". They are queried in this order. Nil means the
	// first three servers in /etc/resolv.conf, which [New] reads once, or
	// 127.0.0.1:53 if that file does not exist.
	Servers []string
	// Timeout limits the time of a lookup with all its queries. Before that,
	// a lookup waits at most as long for a free place: see MaxWaiting. It
	// defaults to 5 seconds.
	Timeout time.Duration
	// MinTTL and MaxTTL limit the time for which records are cached. Between
	// these limits it is the TTL of the records. MinTTL defaults to 10
	// seconds, and MaxTTL to an hour.
	MinTTL, MaxTTL time.Duration
	// MaxNegative limits the time for which ErrNXDomain and ErrNoData are
	// cached. Below it, the SOA record of the answer determines the time (RFC
	// 2308 section 5). Without such a record it is MinTTL. It defaults to 15
	// minutes.
	MaxNegative time.Duration
	// Failure is the time for which ErrServer and ErrTooLarge are cached. It
	// defaults to 10 seconds.
	Failure time.Duration
	// MaxNames and MaxBytes limit the cache. A name counts once for each
	// type. What was not used for the longest time is removed first.
	// MaxNames defaults to 10,000 and MaxBytes to 16 MiB.
	MaxNames int
	MaxBytes int
	// MaxLookups limits the number of lookups that query servers at the same
	// time. Each of them has one socket. It defaults to 256. A lookup of a
	// name that is being looked up already takes no place.
	MaxLookups int
	// MaxPerDomain limits the number of these lookups for the names below
	// one registrable domain, such as example.org or example.co.uk. It
	// defaults to an eighth of MaxLookups, but at least 8.
	MaxPerDomain int
	// MaxWaiting limits the number of lookups that wait for one of these
	// places. Of one registrable domain, an eighth of it may wait, but at
	// least 8. It defaults to 1,000.
	MaxWaiting int
	// GiveWay is the time for which a lookup keeps its place although others
	// wait. After it, the oldest lookup of the domain with the most lookups
	// gives its place to another, and fails with ErrBusy. It defaults to 500
	// milliseconds. If it is longer than Timeout, no lookup gives way.
	GiveWay time.Duration
	// Dial connects to a server. The network is "udp" or "tcp". It defaults
	// to the method DialContext of a [net.Dialer]. It must return when the
	// context ends.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Observe, if not nil, is called with every lookup when it has ended, before the
	// caller gets the outcome. It is called in the goroutines of callers, so it must be safe
	// for concurrent use and must not block. It must not look up names with this resolver.
	// The method Add of a [Trace] keeps the lookups.
	Observe func(Lookup)
}

// resolvConf is the file with the servers of the system.
const resolvConf = "/etc/resolv.conf"

// maxSystemServers is the number of servers in resolv.conf that are used. The C
// library has the same limit.
const maxSystemServers = 3

// withDefaults returns the configuration with defaults for what is missing.
func (c Config) withDefaults() (Config, error) {
	if c.Timeout < 0 || c.MinTTL < 0 || c.MaxTTL < 0 || c.MaxNegative < 0 || c.Failure < 0 ||
		c.MaxNames < 0 || c.MaxBytes < 0 || c.MaxLookups < 0 || c.MaxPerDomain < 0 || c.MaxWaiting < 0 || c.GiveWay < 0 {
		return c, errors.New("resolver: a time or a limit is negative: write 0 for the default")
	}
	setDefault(&c.Timeout, 5*time.Second)
	setDefault(&c.MaxTTL, time.Hour)
	setDefault(&c.MaxNegative, 15*time.Minute)
	setDefault(&c.MinTTL, min(10*time.Second, c.MaxTTL, c.MaxNegative))
	setDefault(&c.Failure, 10*time.Second)
	setDefault(&c.MaxNames, 10000)
	setDefault(&c.MaxBytes, 16<<20)
	setDefault(&c.MaxLookups, 256)
	setDefault(&c.MaxPerDomain, shareOf(c.MaxLookups))
	setDefault(&c.MaxWaiting, 1000)
	setDefault(&c.GiveWay, 500*time.Millisecond)
	if c.MinTTL > c.MaxTTL {
		return c, errors.New("resolver: MinTTL is greater than MaxTTL")
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	servers, err := c.servers()
	c.Servers = servers
	return c, err
}

func setDefault[T int | time.Duration](value *T, otherwise T) {
	if *value == 0 {
		*value = otherwise
	}
}

// servers returns a copy of the configured servers, or the system's.
func (c *Config) servers() ([]string, error) {
	if c.Servers == nil {
		return systemServers()
	}
	if len(c.Servers) == 0 {
		return nil, errors.New("resolver: no name servers: leave Servers nil to use those of the system")
	}
	for _, address := range c.Servers {
		if err := CheckServer(address); err != nil {
			return nil, err
		}
	}
	return slices.Clone(c.Servers), nil
}

// CheckServer returns an error if an address of a name server, such as one of
// Config.Servers, does not consist of a host and a port from 1 to 65535. It queries
// nothing.
func CheckServer(address string) error {
	host, port, err := net.SplitHostPort(address)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || notNumber != nil || number == 0 {
		return fmt.Errorf("resolver: name server %q: want an address and a port, such as 127.0.0.1:53", address)
	}
	return nil
}

func systemServers() ([]string, error) {
	conf, err := dns.ClientConfigFromFile(resolvConf)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(conf.Servers) == 0:
		return []string{"127.0.0.1:53"}, nil
	case err != nil:
		return nil, fmt.Errorf("resolver: %w", err)
	}
	var servers []string
	for _, address := range conf.Servers[:min(len(conf.Servers), maxSystemServers)] {
		servers = append(servers, net.JoinHostPort(address, "53"))
	}
	return servers, nil
}
