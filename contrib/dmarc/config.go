package dmarc

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
	"github.com/sluicemail/sluice/framework/message"
)

// Config configures a filter. The filter does not modify it.
type Config struct {
	// Name is the name of the filter in logs and in the plan. It defaults to "dmarc".
	Name string
	// Resolver looks up records. It is required. Give all filters of a program the same
	// resolver of contrib/resolver.
	Resolver Resolver
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
	// outcome on by [ResultsOf]. Without the action [AddField], it then asks for no right to
	// change the header, so that filters behind it see the message as it comes. AuthservID,
	// AlsoRemove and KeepResultsFrom are ignored.
	NoField bool
	// Networks are the networks of clients whose mail is not evaluated. Nil means this host:
	// 127.0.0.0/8 and ::1. Mail of clients that have logged in is never evaluated. Behind a
	// relay that contrib/spf knows, the client is the one that the relay names.
	Networks []netip.Prefix
	// ExpectSPF and ExpectDKIM say that a filter of contrib/spf, and a verifier of contrib/dkim,
	// is mounted before this one. If that filter fails and its lane fails open, there is no result of
	// it. A message that would fail gets a temperror then.
	ExpectSPF, ExpectDKIM bool
	// Actions are what the filter does by the result.
	Actions Actions
	// Field is the name of the header field of [AddField]. It defaults to "X-Quarantine". The
	// value says why.
	Field string
	// DryRun writes the results and logs what the actions would do, and does not do it.
	DryRun bool
	// Forwarders are hosts whose mail is accepted although it fails, because they pass on mail
	// in a way that breaks SPF or signatures.
	Forwarders []Forwarder
	// TrustedSealers are the signing domains (d=) of ARC sealers that are trusted to have
	// evaluated a message before they changed it. If the chain passes, and the newest sealer
	// is one of them and says that the message passed, then a message that fails is accepted.
	TrustedSealers []string
	// Timeout limits the time of all lookups of a message, from the end of its header. The time in
	// which the client sends the body and no lookup runs does not count. What is not known by
	// then is a temperror. It defaults to 5 seconds.
	Timeout time.Duration
	// LogLevel is the level of the lines about a message: its result with the action, and
	// forged fields. It defaults to [slog.LevelInfo].
	LogLevel slog.Level
	// Observe, if not nil, is called with the outcome of each message that was evaluated, for
	// metrics. It must be safe for concurrent use. It may keep the outcome, and must not modify
	// it.
	Observe func(*Outcome)
}

// errConfig is wrapped by every error about a configuration.
var errConfig = errors.New("dmarc: configuration")

const (
	defaultField   = "X-Quarantine"
	defaultTimeout = 5 * time.Second
)

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
	c.Field = cmp.Or(c.Field, defaultField)
	errs = append(errs, hostid.Check(c.AuthservID, c.AlsoRemove), named("Field", message.CheckFieldName(c.Field)), c.Actions.check(), c.cleanNetworks(), c.cleanForwarders(), c.cleanSealers())
	c.AlsoRemove = slices.Clone(c.AlsoRemove)
	c.Name, c.Timeout = cmp.Or(c.Name, "dmarc"), cmp.Or(c.Timeout, defaultTimeout)
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("%w: %w", errConfig, err)
	}
	return c, nil
}

// adds reports whether a filter adds fields.
func (c *Config) adds() bool { return !c.NoField || c.Actions.has(AddField) }

// cleanNetworks replaces the networks by copies.
func (c *Config) cleanNetworks() error {
	var errs []error
	var err error
	c.Networks, err = networks.Unmapped(c.Networks)
	errs = append(errs, named("Networks", err))
	c.KeepResultsFrom, err = networks.Unmapped(c.KeepResultsFrom)
	errs = append(errs, named("KeepResultsFrom", err))
	if c.Networks == nil {
		c.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return errors.Join(errs...)
}

// cleanForwarders replaces the forwarders by copies.
func (c *Config) cleanForwarders() error {
	var errs []error
	list := make([]Forwarder, len(c.Forwarders))
	for i := range c.Forwarders {
		var err error
		list[i], err = c.Forwarders[i].clean()
		errs = append(errs, named(fmt.Sprintf("Forwarders[%d]", i), err))
	}
	c.Forwarders = list
	return errors.Join(errs...)
}

// cleanSealers replaces the sealers by their names in the form of the DNS.
func (c *Config) cleanSealers() error {
	var err error
	c.TrustedSealers, err = cleanDomains(c.TrustedSealers)
	return named("TrustedSealers", err)
}

// named returns an error with the name of the setting that it is about, or nil.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// cleanDomains returns domains in the form of the DNS.
func cleanDomains(list []string) ([]string, error) {
	var errs []error
	clean := make([]string, len(list))
	for i, domain := range list {
		var ok bool
		if clean[i], ok = cleanDomain(domain); !ok {
			errs = append(errs, fmt.Errorf("%s is not a domain", quoted(domain)))
		}
	}
	return clean, errors.Join(errs...)
}
