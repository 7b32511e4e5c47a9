package remote

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Config configures a filter. The filter does not modify it.
type Config struct {
	// Name is the name of the filter in logs and in the plan. It defaults to
	// "remote".
	Name string
	// Addresses are where the milter listens, in the notation of MTAs:
	// inet:8891@127.0.0.1, unix:/run/opendkim.sock. Several addresses are a
	// pool of milters that do the same: each SMTP session is given to the next
	// of them that is healthy.
	Addresses []string
	// TLS, if not nil, encrypts the connections to addresses of inet and inet6.
	// ServerName defaults to the host of the address.
	TLS *tls.Config
	// Dial, if not nil, opens the connections instead of a [net.Dialer]. It has
	// the arguments of [net.Dialer.DialContext].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Version is the protocol version that is offered to the milter, from 2 to
	// 6. It defaults to 6. Milters that were built with a libmilter of Sendmail
	// 8.13 or before may need 2, as with milter_protocol of Postfix.
	Version uint32
	// Wishes, if not nil, are what the milter wants: its answer to a
	// negotiation. Register then does not ask it. [Everything] fits all.
	Wishes *wire.Negotiate
	// WishesIfAway are the wishes if no address answers when Register asks. If
	// nil, Register fails then.
	WishesIfAway *wire.Negotiate
	// Macros are macros of each stage that the milter gets in addition to the
	// ones that it requests, or that MTAs send by default. The stages are those
	// of [framework.Router.WantMacro]. It replaces milter_connect_macros and
	// the like in the configuration of Postfix.
	Macros map[framework.Stage][]string
	// CountDeleted makes the indexes in the milter's edits count the header
	// fields that it deleted before in the same message, as Sendmail does. By
	// default they do not, as on Postfix. It makes a difference for a milter
	// that deletes several fields of one name from the first to the last.
	CountDeleted bool

	// Shadow, if not nil, makes the filter a shadow of another filter of the router:
	// the milter sees everything and changes nothing, and what it decides and edits is
	// compared with what the other filter did.
	Shadow *Shadow

	// DialTimeout limits the time to connect and to negotiate. It defaults to 5
	// seconds.
	DialTimeout time.Duration
	// CommandTimeout limits the wait for an answer to a command of the session
	// or the envelope. It defaults to 20 seconds. Each SMFIR_PROGRESS of the milter
	// restarts the wait, and the deadline of the handler limits it in all.
	CommandTimeout time.Duration
	// ContentTimeout is like CommandTimeout for the header, the body and the end
	// of the message. It defaults to 240 seconds.
	ContentTimeout time.Duration
	// MaxEdits is the maximum size in bytes of the milter's modifications of one
	// message. They are kept in memory. It defaults to 64 MiB.
	MaxEdits int
	// MaxModifications is the maximum number of the milter's modifications of one
	// message, without the chunks of a new body. A message with more fails, because
	// the time that they take grows with the square of their number. It defaults to
	// 10,000.
	MaxModifications int

	// EjectAfter is the number of sessions in a row in which a milter failed, after
	// which it gets none for the time of EjectFor. Then one session tries it. They
	// default to 3 and to 5 seconds.
	EjectAfter int
	EjectFor   time.Duration
	// Logger gets a line if a milter is away at the start or is ejected, and if it is
	// back. It defaults to [slog.Default].
	Logger *slog.Logger

	// MaxIdle is the number of connections to each address that are kept for
	// the next SMTP session (SMFIC_QUIT_NC). It defaults to 0. Only milters of
	// protocol version 6 can serve several sessions on a connection.
	//
	// Set it only for milters that are known to send nothing in answer to
	// SMFIC_QUIT_NC, such as those of libmilter. The protocol does not tell which
	// event an answer belongs to: if a milter sends one, it may be taken for that to
	// the next session's first event, and each later answer for that to the event
	// after its own. Then mail passes that the milter refuses.
	MaxIdle int
	// IdleTimeout is how long such a connection is kept. It defaults to 1 minute.
	IdleTimeout time.Duration
}

// Defaults.
const (
	defaultName           = "remote"
	defaultDialTimeout    = 5 * time.Second
	defaultCommandTimeout = 20 * time.Second
	defaultContentTimeout = 240 * time.Second
	defaultMaxEdits       = 64 << 20
	defaultMaxChanges     = 10_000
	defaultEjectAfter     = 3
	defaultEjectFor       = 5 * time.Second
	defaultIdleTimeout    = time.Minute
)

// withDefaults returns the configuration with defaults for what is zero.
func (c Config) withDefaults() Config {
	c.Name = cmp.Or(c.Name, defaultName)
	c.Version = cmp.Or(c.Version, wire.MaxVersion)
	c.DialTimeout = cmp.Or(c.DialTimeout, defaultDialTimeout)
	c.CommandTimeout = cmp.Or(c.CommandTimeout, defaultCommandTimeout)
	c.ContentTimeout = cmp.Or(c.ContentTimeout, defaultContentTimeout)
	c.MaxEdits = cmp.Or(c.MaxEdits, defaultMaxEdits)
	c.MaxModifications = cmp.Or(c.MaxModifications, defaultMaxChanges)
	c.EjectAfter = cmp.Or(c.EjectAfter, defaultEjectAfter)
	c.EjectFor = cmp.Or(c.EjectFor, defaultEjectFor)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, defaultIdleTimeout)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	return c
}

// check returns all mistakes in the configuration together.
func (c *Config) check() error {
	var errs []error
	mistake := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("remote: "+format, args...))
	}
	if len(c.Addresses) == 0 {
		mistake("Addresses is empty: give the address of the milter, such as inet:8891@127.0.0.1")
	}
	for _, address := range c.Addresses {
		if _, _, err := mta.ParseAddr(address); err != nil {
			errs = append(errs, fmt.Errorf("remote: Addresses: %w", err))
		}
	}
	if c.Version < wire.MinVersion || c.Version > wire.MaxVersion {
		mistake("Version is %d; it must be from %d to %d", c.Version, wire.MinVersion, wire.MaxVersion)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"DialTimeout", c.DialTimeout},
		{"CommandTimeout", c.CommandTimeout},
		{"ContentTimeout", c.ContentTimeout},
		{"EjectFor", c.EjectFor},
		{"IdleTimeout", c.IdleTimeout},
	} {
		if d.value < 0 {
			mistake("%s is negative", d.name)
		}
	}
	if c.MaxEdits < 0 {
		mistake("MaxEdits is negative")
	}
	if c.MaxModifications < 0 {
		mistake("MaxModifications is negative")
	}
	if c.EjectAfter < 0 {
		mistake("EjectAfter is negative")
	}
	if c.Shadow != nil {
		errs = append(errs, c.Shadow.check(c.Name))
	}
	return errors.Join(errs...)
}
