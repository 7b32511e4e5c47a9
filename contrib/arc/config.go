package arc

import (
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/internal/networks"
)

// VerifierConfig configures a [Verifier], which does not modify it.
type VerifierConfig struct {
	// Name is the name of the filter in logs and in the plan. It defaults to "arc".
	Name string
	// Resolver looks up keys. It is required.
	Resolver dkim.Resolver
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
	// result on by [ResultsOf]. It then asks for no right to change the header, so that filters
	// behind it see the message as it comes. AuthservID, AlsoRemove and KeepResultsFrom are
	// ignored.
	NoField bool
	// Timeout limits the time for looking up the keys of a chain. It defaults to 10 seconds.
	Timeout time.Duration
	// MinBits and MaxBits are the sizes of RSA keys that are accepted. They default to 1024,
	// which is the minimum, and to 4096. The time of a verification grows with the square of
	// the size.
	MinBits, MaxBits int
	// LogLevel is the level of the lines about a message: its result and forged fields. It
	// defaults to [slog.LevelInfo].
	LogLevel slog.Level
	// Observe, if not nil, is called with the result of each message, for metrics. It must be
	// safe for concurrent use. Status is suitable as a label of metrics.
	Observe func(Result)
	// Now returns the current time, for signatures that expire. It defaults to time.Now.
	Now func() time.Time
}

// SealerConfig configures a [Sealer], which does not modify it.
type SealerConfig struct {
	// Name is the name of the filter in logs and in the plan. It defaults to "arc-seal".
	Name string
	// Domain and Selector say where the public key is published (d= and s=), at
	// Selector._domainkey.Domain, as for DKIM. A key of DKIM can be used for both.
	Domain, Selector string
	// Signer is an RSA key of at least 1024 bits: dkim.LoadKey reads one. An Ed25519 key is
	// an error. A set has one signature only, so a host that does not know the algorithm
	// would have to fail the chain for good.
	Signer crypto.Signer
	// Headers are the names of the header fields to sign. All fields with such a name are
	// signed. Nil means [DefaultHeaders]. From is always signed.
	Headers []string
	// AuthservID is the name under which the filters of this router write results. It
	// defaults to the host name that the MTA sends (the macro j). [Seal] requires it.
	AuthservID string
	// Networks are the networks of clients whose mail is not sealed. Nil means this host:
	// 127.0.0.0/8 and ::1. Mail from a program on this host counts as mail from 127.0.0.1.
	Networks []netip.Prefix
	// Authenticated seals mail of clients that have logged in, too. Such mail begins at this
	// host: a DKIM signature says more about it.
	Authenticated bool
	// Observe, if not nil, is called for each message, for metrics. It must be safe for
	// concurrent use.
	Observe func(Sealing)
	// Now returns the time of sealing. It defaults to time.Now.
	Now func() time.Time
}

// Sealing is what a [Sealer] has done with a message.
type Sealing struct {
	// Instance is the instance of the new set, or 0 if the message was not sealed.
	Instance int
	// Chain is what the new seal says about the chain before it (cv=), or "".
	Chain Status
	// Reason says why the message was not sealed, or "". It is one of few texts.
	Reason string
}

// DefaultHeaders returns the default of SealerConfig.Headers: what DKIM signs by default, and
// the DKIM-Signature fields themselves, as RFC 8617 section 4.1.2 recommends.
func DefaultHeaders() []string { return append(dkim.DefaultHeaders(), "DKIM-Signature") }

// errConfig is wrapped by every error about a configuration.
var errConfig = errors.New("arc: configuration")

// unmapped returns a copy of networks, with those of IPv4 in IPv6 as IPv4, because addresses
// are compared so. It returns nil for nil.
func unmapped(name string, list []netip.Prefix) ([]netip.Prefix, error) {
	clean, err := networks.Unmapped(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return clean, nil
}
