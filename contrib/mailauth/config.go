package mailauth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/spf"
)

// Config configures an [Authenticator]. The Authenticator does not modify it.
//
// SPF, DKIM, ARC, DMARC and Sealer are the configurations of the filters. What the filters share is set here
// once: Resolver, AuthservID, AlsoRemove, KeepResultsFrom, Networks, Relays and Timeout. A filter
// whose configuration sets Resolver, Networks, Relays or Timeout too has that value. Because there
// is one field, it is a mistake to set another AuthservID, AlsoRemove or KeepResultsFrom (Relays in
// DKIM) for a method.
type Config struct {
	// Name is the name of the filter that Mount mounts first, in logs and in the plan. It
	// defaults to "mailauth". The name of the one that Mount mounts last has "-field" behind it.
	Name string
	// Resolver looks up records. It is required.
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
	// Networks are the networks of clients whose mail is not checked by SPF and DMARC. Nil
	// means this host: 127.0.0.0/8 and ::1. The same is true of clients that have logged in.
	Networks []netip.Prefix
	// Relays are hosts of yours that pass on mail from elsewhere: see spf.Config.
	Relays []netip.Prefix
	// Timeout limits the time of all lookups of a message, from the end of its header, and again
	// from the end of the message for what is looked up only then. What is not known by then is
	// a temperror. The last fifth of it is for DMARC alone, so that
	// the name servers of a sender cannot use up the time for the policy of the author's
	// domain. It defaults to 5 seconds.
	Timeout time.Duration

	// SPF configures the filter of contrib/spf. NoSPF leaves it out.
	SPF   spf.Config
	NoSPF bool
	// DKIM configures the verifier of contrib/dkim. Of it, Name, Verifying, Observe and Now
	// are used. NoDKIM leaves it out.
	DKIM   dkim.Config
	NoDKIM bool
	// ARC configures the verifier of contrib/arc. NoARC leaves it out.
	ARC   arc.VerifierConfig
	NoARC bool
	// DMARC configures the filter of contrib/dmarc. NoDMARC leaves it out. It needs SPF or
	// DKIM.
	DMARC   dmarc.Config
	NoDMARC bool
	// Sealer, if not nil, configures the sealer of contrib/arc, which MountSealer mounts. It
	// needs ARC.
	Sealer *arc.SealerConfig

	// LogLevel is the level of the line about a message. It defaults to [slog.LevelInfo]. The
	// filters' own lines have the level [slog.LevelDebug] unless their configurations set
	// another one.
	LogLevel slog.Level
	// Observe, if not nil, is called once for each message, when it has ended. It must be safe
	// for concurrent use. It may keep the Summary, and must not modify it.
	Observe func(*Summary)
}

// errConfig is wrapped by every error about a configuration.
var errConfig = errors.New("mailauth: configuration")

const defaultTimeout = 5 * time.Second

// withDefaults returns a copy of the configuration, with the shared settings filled into those of
// the filters.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Resolver == nil {
		errs = append(errs, errors.New("no resolver"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("the timeout is negative"))
	}
	if c.NoSPF && c.NoDKIM && !c.NoDMARC {
		errs = append(errs, errors.New("DMARC needs SPF or DKIM, and both are turned off"))
	}
	if c.NoSPF && c.NoDKIM && c.NoDMARC && c.NoARC {
		errs = append(errs, errors.New("all methods are turned off"))
	}
	if c.NoARC && c.Sealer != nil {
		errs = append(errs, errors.New("the sealer needs ARC, which is turned off"))
	}
	if c.NoARC && len(c.DMARC.TrustedSealers) > 0 {
		errs = append(errs, errors.New("trusted sealers need ARC, which is turned off"))
	}
	errs = append(errs, c.checkField())
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("%w: %w", errConfig, err)
	}
	c.Name, c.Timeout = cmp.Or(c.Name, "mailauth"), cmp.Or(c.Timeout, defaultTimeout)
	c.fillSPF()
	c.fillDKIM()
	c.fillARC()
	c.fillDMARC()
	return c, nil
}

// checkField returns an error if a section has other settings of the field, which is one for all.
func (c *Config) checkField() error {
	v := &c.DKIM.Verifying
	for _, s := range []struct {
		name, id string
		also     []string
		keep     []netip.Prefix
	}{
		{"SPF", c.SPF.AuthservID, c.SPF.AlsoRemove, c.SPF.KeepResultsFrom},
		{"DKIM", v.AuthservID, v.AlsoRemove, v.Relays},
		{"ARC", c.ARC.AuthservID, c.ARC.AlsoRemove, c.ARC.KeepResultsFrom},
		{"DMARC", c.DMARC.AuthservID, c.DMARC.AlsoRemove, c.DMARC.KeepResultsFrom},
	} {
		if s.id != "" && s.id != c.AuthservID || len(s.also) > 0 && !slices.Equal(s.also, c.AlsoRemove) ||
			len(s.keep) > 0 && !slices.Equal(s.keep, c.KeepResultsFrom) {
			return fmt.Errorf("%s: AuthservID, AlsoRemove or the hosts whose results are kept differ from those for all methods", s.name)
		}
	}
	return nil
}

// beforeDMARC returns the part of the time that is for SPF, DKIM and ARC.
func (c *Config) beforeDMARC() time.Duration { return c.Timeout / 5 * 4 }

func (c *Config) fillSPF() {
	f := &c.SPF
	f.NoField = true
	f.AuthservID = c.AuthservID
	f.Timeout = cmp.Or(f.Timeout, c.beforeDMARC()) // it begins at MAIL, before the deadline is known
	f.LogLevel = cmp.Or(f.LogLevel, slog.LevelDebug)
	f.AlsoRemove = c.AlsoRemove
	f.KeepResultsFrom = c.KeepResultsFrom
	fill(&f.Networks, c.Networks)
	fill(&f.Relays, c.Relays)
	if f.Resolver == nil {
		f.Resolver = c.Resolver
	}
}

func (c *Config) fillDKIM() {
	f := &c.DKIM.Verifying
	f.NoField = true
	f.AuthservID = c.AuthservID
	f.Timeout = cmp.Or(f.Timeout, c.Timeout)
	f.AlsoRemove = c.AlsoRemove
	c.DKIM.LogLevel = cmp.Or(c.DKIM.LogLevel, slog.LevelDebug)
	f.Relays = c.KeepResultsFrom
	if f.Resolver == nil {
		f.Resolver = c.Resolver
	}
}

func (c *Config) fillARC() {
	f := &c.ARC
	f.NoField = true
	f.AuthservID = c.AuthservID
	f.Timeout = cmp.Or(f.Timeout, c.Timeout)
	f.LogLevel = cmp.Or(f.LogLevel, slog.LevelDebug)
	f.AlsoRemove = c.AlsoRemove
	f.KeepResultsFrom = c.KeepResultsFrom
	if f.Resolver == nil {
		f.Resolver = c.Resolver
	}
	if c.Sealer != nil {
		sealer := *c.Sealer
		sealer.AuthservID = cmp.Or(sealer.AuthservID, c.AuthservID)
		fill(&sealer.Networks, c.Networks)
		c.Sealer = &sealer
	}
}

func (c *Config) fillDMARC() {
	f := &c.DMARC
	f.NoField = true
	f.ExpectSPF, f.ExpectDKIM = !c.NoSPF, !c.NoDKIM
	f.AuthservID = c.AuthservID
	f.Timeout = cmp.Or(f.Timeout, c.Timeout)
	f.LogLevel = cmp.Or(f.LogLevel, slog.LevelDebug)
	f.AlsoRemove = c.AlsoRemove
	f.KeepResultsFrom = c.KeepResultsFrom
	fill(&f.Networks, c.Networks)
	if f.Resolver == nil {
		f.Resolver = c.Resolver
	}
}

// fill sets a list that is not set.
func fill[T any](list *[]T, shared []T) {
	if *list == nil {
		*list = shared
	}
}
