package realmta

import (
	"net"
	"testing"
	"time"
)

// MTA is a real mail server, whichever: what a scenario needs of it. It is a
// [Postfix] or a [Sendmail], and a type assertion shows the rest of them.
type MTA interface {
	// Name returns "postfix" or "sendmail".
	Name() string
	// Version returns the server's version, such as "3.7.11".
	Version() string
	// Addr returns the host and port on which the server takes mail by SMTP.
	Addr() string
	// Sink returns where the server's mail arrives.
	Sink() *Sink
	// Listen listens on "tcp" or "unix" where the server's filter may be, and
	// closes the listener when the test ends.
	Listen(t testing.TB, network string) net.Listener
	// SetFilters sets the list of filters, in order, by the addresses that
	// they listen on. It returns when every new SMTP connection is served with
	// it; connections that are open keep what they began with.
	SetFilters(t testing.TB, filters ...net.Addr)
	// Log returns what the server has logged so far.
	Log() string
	// AwaitLog waits until the log holds the text, and fails the test if it
	// does not in half a minute.
	AwaitLog(t testing.TB, text string)
}

// Config is what a test may choose of any server. The zero value has no
// filters and takes each server's own timeouts.
type Config struct {
	// Filters is the list of filters, as for [MTA.SetFilters].
	Filters []net.Addr
	// CommandTimeout bounds the wait for the answer to one command, and
	// MessageTimeout the wait for that to the end of the message. Whole
	// seconds; 0 means the server's default. A filter that is late makes the
	// message fail for now, as does one that cannot be reached.
	CommandTimeout, MessageTimeout time.Duration
	// Sink takes the mail. Nil means a sink of each server's own.
	Sink *Sink
}

// Each returns a function for each server, by its name, that starts it for a
// test as [StartPostfix] and [StartSendmail] do.
func Each(cfg Config) map[string]func(testing.TB) MTA {
	return map[string]func(testing.TB) MTA{
		"postfix": func(t testing.TB) MTA {
			t.Helper()
			return StartPostfix(t, cfg.postfix())
		},
		"sendmail": func(t testing.TB) MTA {
			t.Helper()
			return StartSendmail(t, cfg.sendmail())
		},
	}
}

func (c Config) postfix() PostfixConfig {
	p := PostfixConfig{Main: map[string]string{}, Sink: c.Sink}
	for _, addr := range c.Filters {
		p.Milters = append(p.Milters, postfixFilter(addr))
	}
	if c.CommandTimeout > 0 {
		p.Main["milter_command_timeout"] = seconds(c.CommandTimeout)
	}
	if c.MessageTimeout > 0 {
		p.Main["milter_content_timeout"] = seconds(c.MessageTimeout)
	}
	return p
}

func (c Config) sendmail() SendmailConfig {
	s := SendmailConfig{Sink: c.Sink, Timeouts: SendmailTimeouts{
		Send: c.CommandTimeout, Read: c.CommandTimeout, EndOfMessage: c.MessageTimeout,
	}}
	for _, addr := range c.Filters {
		s.Filters = append(s.Filters, sendmailFilter(addr))
	}
	return s
}
