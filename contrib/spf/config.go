package spf

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/hostid"
	"github.com/sluicemail/sluice/contrib/internal/networks"
	"github.com/sluicemail/sluice/contrib/resolver"
)

// Config configures a filter. The filter does not modify it.
type Config struct {
	// Name is the name of the filter in logs and in the plan. It defaults to "spf".
	Name string
	// Resolver looks up records. It is required. Give all filters of a program the same
	// resolver.
	Resolver *resolver.Resolver
	// AuthservID is the name of this host in Authentication-Results fields. It defaults to
	// the host name that the MTA sends (the macro j).
	AuthservID string
	// AlsoRemove are other names of this host. Authentication-Results fields with these
	// names are removed too.
	AlsoRemove []string
	// KeepResultsFrom are networks with hosts that check mail for this host. Their
	// Authentication-Results fields are kept, even with the name of this host.
	KeepResultsFrom []netip.Prefix
	// NoField leaves the Authentication-Results field to a filter behind this one, such as that
	// of contrib/mailauth: the filter neither writes it nor removes forged fields, and hands its
	// results on by [ResultsOf]. Unless ReceivedSPF is set, it then asks for no right to change
	// the header, so that filters behind it see the message as it comes. AlsoRemove and
	// KeepResultsFrom are ignored.
	NoField bool
	// Networks are the networks of clients whose mail is not checked. Nil means this host:
	// 127.0.0.0/8 and ::1. Mail of clients that have logged in, or that have no IP address,
	// is never checked.
	Networks []netip.Prefix
	// Relays are hosts of yours that pass on mail from elsewhere, such as a secondary mail
	// exchanger. For mail from them, the address and the HELO of the client are those that
	// they have written into their Received field. A host that is in Networks too is a relay.
	// Relays must be trusted not to submit mail with Received fields that users have written.
	Relays []netip.Prefix
	// MailFrom and Helo are the policies for the two identities. The more severe action is
	// taken.
	MailFrom, Helo Policy
	// HeloIfNeeded checks HELO only if its result can matter: for bounces, and for messages
	// whose MAIL FROM does not pass. This saves the lookups of most messages. If the policy
	// for HELO has an action, HELO is always checked.
	HeloIfNeeded bool
	// ReceivedSPF also writes the results into Received-SPF fields (RFC 7208 section 9.1).
	ReceivedSPF bool
	// Timeout limits the time of a check: see [Query]. It defaults to 20 seconds.
	Timeout time.Duration
	// LogLevel is the level of the lines about a message: its results, forged fields, and
	// policies. It defaults to [slog.LevelInfo].
	LogLevel slog.Level
	// Observe, if not nil, is called for metrics, with the result of each identity of a message
	// that was checked. It must be safe for concurrent use. Identity and Status are suitable as
	// labels of metrics.
	Observe func(Result)
}

// errConfig is wrapped by every error about a configuration.
var errConfig = errors.New("spf: configuration")

// withDefaults returns a copy of the configuration, with defaults for what is missing. The
// error joins all mistakes.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Resolver == nil {
		wrong("no resolver")
	}
	if c.Timeout < 0 {
		wrong("the timeout is negative")
	}
	errs = append(errs, hostid.Check(c.AuthservID, c.AlsoRemove), c.MailFrom.check(MailFrom), c.Helo.check(Helo))
	for _, list := range []struct {
		name     string
		networks *[]netip.Prefix
	}{{"Networks", &c.Networks}, {"Relays", &c.Relays}, {"KeepResultsFrom", &c.KeepResultsFrom}} {
		clean, err := networks.Unmapped(*list.networks)
		if err != nil {
			wrong("%s: %w", list.name, err)
		}
		*list.networks = clean
	}
	if c.Networks == nil {
		c.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	c.AlsoRemove = slices.Clone(c.AlsoRemove)
	c.Name = cmp.Or(c.Name, "spf")
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("%w: %w", errConfig, err)
	}
	return c, nil
}

// adds reports whether a filter adds fields.
func (c *Config) adds() bool { return !c.NoField || c.ReceivedSPF }
