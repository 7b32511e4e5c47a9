package miltertest

import (
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// Option changes what [Run] and [NewServer] set up.
type Option func(*settings)

type settings struct {
	mta        mta.Config
	configure  []func(*framework.Config)
	lane       []framework.LaneOption
	goroutines bool

	// Of TestFilter.
	quiet    bool // a failure elsewhere does not show this server
	messages []*mta.Message
	fresh    func() framework.Filter
	except   []string
}

// MTA says which MTA is played: its flavor, the version and the bits that it
// offers, its patience. Without it, it is a Postfix of today.
func MTA(cfg mta.Config) Option { return func(s *settings) { s.mta = cfg } }

// Configure changes the server's configuration. It starts from what suits a
// test: lent bytes are poisoned, handlers have 5 seconds, 10 at the end of the
// message, and the rest is as in production. A logger that fn sets gets the
// records besides the kit.
func Configure(fn func(cfg *framework.Config)) Option {
	return func(s *settings) { s.configure = append(s.configure, fn) }
}

// Lane mounts the filter with the given options, such as [framework.FailOpen].
// It cannot be used with a router, which mounts for itself.
func Lane(opts ...framework.LaneOption) Option {
	return func(s *settings) { s.lane = append(s.lane, opts...) }
}

// AllowGoroutines permits goroutines that the filter started in a handler and
// that are still there when its server was closed, such as those of an HTTP
// client's idle connections. Without it they fail the test.
func AllowGoroutines() Option { return func(s *settings) { s.goroutines = true } }

// config returns the server's configuration.
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
