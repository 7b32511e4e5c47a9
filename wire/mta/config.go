package mta

import (
	"time"

	"github.com/sluicemail/sluice/wire"
)

// Config says how an MTA behaves. The zero value is Postfix with its default
// settings.
type Config struct {
	// Offer is what the MTA offers; if zero, PostfixOffer(6) or, for the
	// flavor Sendmail, SendmailOffer().
	Offer Offer
	// Flavor is the MTA to behave like.
	Flavor Flavor
	// Quirks join those that the Flavor has.
	Quirks Quirks
	// CommandTimeout is how long a reply to the negotiation and to a
	// command of the envelope may take; 30 seconds if zero.
	CommandTimeout time.Duration
	// ContentTimeout is how long a reply to a header field, a body chunk
	// and the end of the message may take; 300 seconds if zero.
	ContentTimeout time.Duration
	// Limit is the most bytes that a frame of the filter may announce; if
	// zero, what the protocol allows.
	Limit int
	// MaxEdits is the most bytes that the modifications of one message may
	// have; 64 MiB if zero.
	MaxEdits int
}

func (c Config) withDefaults() Config {
	if c.Offer == (Offer{}) {
		c.Offer = PostfixOffer(wire.MaxVersion)
		if c.Flavor == Sendmail {
			c.Offer = SendmailOffer()
		}
	}
	c.Quirks |= c.Flavor.Quirks()
	setDefault(&c.CommandTimeout, 30*time.Second)
	setDefault(&c.ContentTimeout, 300*time.Second)
	setDefault(&c.MaxEdits, 64<<20)
	return c
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// limit returns the frame limit after the given protocol bits were agreed on.
func (c Config) limit(p wire.Protocol) int {
	switch {
	case c.Limit > 0:
		return c.Limit
	case p.Has(wire.ProtoMDS1M):
		return wire.Limit1M
	case p.Has(wire.ProtoMDS256K):
		return wire.Limit256K
	}
	return wire.DefaultLimit
}

// chunkSize returns how much of a body goes into one frame.
func (c Config) chunkSize(p wire.Protocol) int {
	c.Limit = 0 // that is for the filter
	return c.limit(p) - 1
}

func (c Config) patience(code wire.CommandCode) time.Duration {
	if inContent(code) {
		return c.ContentTimeout
	}
	return c.CommandTimeout
}
