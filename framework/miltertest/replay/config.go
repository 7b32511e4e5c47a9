package replay

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/wire/mta"
)

// Config configures a replay.
type Config struct {
	// Dial connects to the new filter. It is called once for each record, and for several
	// at the same time if Connections is above 1. It is required.
	Dial func(context.Context) (net.Conn, error)
	// MTA is the MTA to play. Nil plays the recorded one, with its offer and its commands
	// byte by byte. Another MTA gets the recorded message, and sends it in its own way.
	MTA *mta.Config
	// Connections is the number of records that are played at the same time. It defaults
	// to 1.
	Connections int
	// Timeout limits the wait for an answer of the filter, including all its progress
	// replies. It defaults to 5 minutes.
	Timeout time.Duration

	// Assume replays records that lack something that the new filter asks for, as if the
	// message had not had it: recipients that the MTA refused, unknown commands, macros,
	// more than one space after a colon, and the local parts of shortened addresses.
	// [Result.Assumed] says what was assumed. If Assume is false, such a record is not
	// replayable.
	Assume bool
	// AsksForMacros says that the filter reads no macro that it did not request, as filters
	// of package framework. Without it, a filter that requests no macros at all where the
	// recorded one did is not comparable, because the MTA's usual macros were not recorded.
	AsksForMacros bool
	// Absent are the names of recorded filters that the new one lacks on purpose. A record
	// in which one of them decided or edited is not replayable.
	Absent []string

	// Fields, if not nil, returns a header field as it is compared, or false to leave it
	// out. It is called for each field of the delivered messages, so also for those that no
	// filter added. See [IgnoreFields] and [IgnoreTags].
	Fields func(mta.Field) (mta.Field, bool)
	// Replies, if not nil, returns a reply to the client as it is compared. The lines of a
	// reply are separated by LF. See [IgnoreText].
	Replies func(reply string) string
	// Check, if not nil, is called after a record was played, and returns why the result
	// must not be used, such as a look-up that was not possible, or "". If it is set,
	// Connections must be at most 1.
	Check func() string
}

// defaultTimeout is the default of Config.Timeout.
const defaultTimeout = 5 * time.Minute

func (c *Config) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return defaultTimeout
}

// maxEdits is the number of bytes of modifications that a filter may send besides twice the
// size of the record.
const maxEdits = 8 << 20

// limited returns an MTA's configuration with the limits of the replay.
func (c *Config) limited(m mta.Config, size int) mta.Config {
	d := c.timeout()
	m.CommandTimeout, m.ContentTimeout, m.AnswerTimeout = d, d, d
	m.MaxEdits = maxEdits + 2*size
	return m
}

// Address returns a Dial function for an address in the form of [mta.ParseAddr].
func Address(addr string, timeout time.Duration) (func(context.Context) (net.Conn, error), error) {
	network, address, err := mta.ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: timeout}
	return func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, network, address) }, nil
}

// IgnoreFields returns a function for Config.Fields that leaves out the fields with the given
// names, in any case.
func IgnoreFields(names ...string) func(mta.Field) (mta.Field, bool) {
	return func(f mta.Field) (mta.Field, bool) {
		for _, name := range names {
			if strings.EqualFold(strings.TrimSpace(f.Name), name) {
				return f, false
			}
		}
		return f, true
	}
}

// IgnoreTags returns a function for Config.Fields that leaves out tags of the fields with the
// given name, such as t and b of a DKIM-Signature, which depend on the time. The value is a
// list of tags in the form "name=value; name=value".
func IgnoreTags(field string, tags ...string) func(mta.Field) (mta.Field, bool) {
	return func(f mta.Field) (mta.Field, bool) {
		if !strings.EqualFold(f.Name, field) {
			return f, true
		}
		var kept []string
		for part := range strings.SplitSeq(f.Value, ";") {
			name, _, _ := strings.Cut(part, "=")
			if !slices.Contains(tags, strings.TrimSpace(name)) {
				kept = append(kept, strings.Join(strings.Fields(part), " "))
			}
		}
		f.Value = " " + strings.Join(kept, "; ")
		return f, true
	}
}

// All returns a function for Config.Fields that applies several, in order.
func All(list ...func(mta.Field) (mta.Field, bool)) func(mta.Field) (mta.Field, bool) {
	return func(f mta.Field) (mta.Field, bool) {
		for _, one := range list {
			var ok bool
			if f, ok = one(f); !ok {
				return f, false
			}
		}
		return f, true
	}
}

// IgnoreText is a function for Config.Replies that keeps the codes of a reply, and drops its
// text.
func IgnoreText(reply string) string {
	const code = len("550")
	if len(reply) <= code {
		return reply
	}
	rest := reply[code+1:]
	status := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789."))]
	if strings.Count(status, ".") != 2 {
		return reply[:code]
	}
	return reply[:code] + " " + status
}
