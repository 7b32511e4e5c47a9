package realmta

import (
	"net"
	"testing"
	"time"
)

// MTA is a real mail server, as far as a test can treat all servers alike. It
// is a [*Postfix] or a [*Sendmail]; use a type assertion to get at the other
// methods.
type MTA interface {
	// Name returns "postfix" or "sendmail".
	Name() string
	// Version returns the server's version, such as "3.7.11".
	Version() string
	// Addr returns the host and port of the server's SMTP listener.
	Addr() string
	// Sink returns the sink that the server delivers all mail to.
	Sink() *Sink
	// Listen creates a listener for a filter. The network is "tcp" or
	// "unix". The listener is closed when the test ends.
	Listen(t testing.TB, network string) net.Listener
	// SetFilters sets the addresses of the filters, in order. It returns
	// when the server uses them for every new SMTP connection. Open
	// connections keep the filters that they started with.
	SetFilters(t testing.TB, filters ...net.Addr)
	// Log returns what the server has logged so far.
	Log() string
	// AwaitLog waits until the log contains the text. It fails the test
	// after 2 minutes.
	AwaitLog(t testing.TB, text string)
}

var (
	_ MTA = (*Postfix)(nil)
	_ MTA = (*Sendmail)(nil)
)

// Config holds the settings that all servers have in common. The zero value has
// no filters and each server's default timeouts.
type Config struct {
	// Filters is the list of filters, as for [MTA.SetFilters].
	Filters []net.Addr
	// CommandTimeout bounds the wait for the reply to a command, and
	// MessageTimeout the wait for the reply to the end of the message. Both
	// are whole seconds; 0 means the server's default. If a filter exceeds
	// a timeout or cannot be reached, the server refuses the message
	// temporarily.
	CommandTimeout, MessageTimeout time.Duration
	// Sink receives the mail. If it is nil, each server starts a sink.
	Sink *Sink
}

// Each returns, by the name of each server, a function that starts it for a
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
