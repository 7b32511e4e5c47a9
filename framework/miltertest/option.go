package miltertest

import (
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// Option configures [Run], [NewServer] and [TestFilter].
type Option func(*settings)

type settings struct {
	mta        mta.Config
	configure  []func(*framework.Config)
	lane       []framework.LaneOption
	goroutines bool

	// The fields below are used by TestFilter only.
	quiet    bool // do not show this server when the test fails
	messages []*mta.Message
	fresh    func() framework.Filter
	except   []string
}

// MTA selects the simulated MTA: its flavor, the protocol version and options
// that it offers, and its timeouts. Without this option, the MTA is a current
// Postfix.
func MTA(cfg mta.Config) Option { return func(s *settings) { s.mta = cfg } }

// Configure changes the server's configuration. The kit's defaults overwrite
// lent bytes after each handler, give a handler 5 seconds, and give the end of
// a message 10 seconds. All other settings have their production defaults. If
// fn sets a Logger, it receives the records in addition to the kit.
func Configure(fn func(cfg *framework.Config)) Option {
	return func(s *settings) { s.configure = append(s.configure, fn) }
}

// Lane mounts the filter with the given options, such as [framework.FailOpen].
// It cannot be combined with a router, whose filters are already mounted.
func Lane(opts ...framework.LaneOption) Option {
	return func(s *settings) { s.lane = append(s.lane, opts...) }
}

// AllowGoroutines permits goroutines that a handler started and that still run
// after the server was closed, such as those of an HTTP client's idle
// connections. Without this option they fail the test.
func AllowGoroutines() Option { return func(s *settings) { s.goroutines = true } }

func (s *settings) config() framework.Config {
	cfg := framework.Config{
		HandlerTimeout: 5 * time.Second,
		MessageTimeout: 10 * time.Second,
		PoisonLent:     true,
	}
	for _, fn := range s.configure {
		fn(&cfg)
	}
	return cfg
}
