package mta

import (
	"crypto/tls"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// Config specifies how an MTA behaves. The zero value is Postfix with its
// default settings.
type Config struct {
	// Offer is the MTA's offer. It defaults to PostfixOffer(6), or to
	// SendmailOffer() for the flavor Sendmail.
	Offer Offer
	// Flavor is the MTA to imitate.
	Flavor Flavor
	// Quirks are added to those of the Flavor.
	Quirks Quirks
	// TLS makes [Dial] speak TLS with the filter, as Stalwart does if it is
	// configured so. Its ServerName defaults to the host of the address. Nil
	// means no TLS.
	TLS *tls.Config
	// CommandTimeout limits the wait for a reply to the negotiation or to a
	// command of the envelope. It defaults to 30 seconds.
	CommandTimeout time.Duration
	// ContentTimeout limits the wait for a reply to a header field, a body
	// chunk or the end of the message. It defaults to 300 seconds.
	ContentTimeout time.Duration
	// AnswerTimeout limits the whole wait for the answer to an event.
	// SMFIR_PROGRESS restarts the two timeouts above, but not this one. 0 means
	// no limit, as in real MTAs.
	AnswerTimeout time.Duration
	// Limit is the maximum length of a frame from the filter, in bytes. It
	// defaults to the limit that was negotiated.
	Limit int
	// MaxEdits is the maximum total size of the modifications of one
	// message, in bytes. It defaults to 64 MiB.
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

// limit returns the maximum length of a frame from the filter if the given
// protocol bits were negotiated.
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

// chunkSize returns the maximum size of a body chunk in one frame.
func (c Config) chunkSize(p wire.Protocol) int {
	c.Limit = 0 // applies only to frames from the filter
	return c.limit(p) - 1
}

func (c Config) replyTimeout(code wire.CommandCode) time.Duration {
	if inContent(code) {
		return c.ContentTimeout
	}
	return c.CommandTimeout
}
