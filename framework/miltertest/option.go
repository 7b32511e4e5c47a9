package miltertest

import (
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire/mta"
)

// Option configures [Run], [NewServer], [TestFilter] and [Replay].
type Option func(*settings)

type settings struct {
	mta        mta.Config
	configure  []func(*framework.Config)
	lane       []framework.LaneOption
	goroutines bool
	// wrongStages permits calls that the server warns of.
	wrongStages bool

	// The fields below are used by Replay only.
	otherMTA      bool // the option MTA was given
	replay        []func(*replay.Config)
	notReplayable bool

	// The fields below are used by TestFilter only, and quiet by Replay.
	quiet    bool // do not show this server when the test fails
	messages []*mta.Message
	fresh    func() framework.Filter
	except   []string
	// keepsLent leaves the bytes that were lent to handlers as they are.
	keepsLent bool
}

// MTA selects the simulated MTA: its flavor, the protocol version and options
// that it offers, and its timeouts. Without this option, the MTA is a current
// Postfix, and that of the record for [Replay].
func MTA(cfg mta.Config) Option { return func(s *settings) { s.mta, s.otherMTA = cfg, true } }

// Configure changes the server's configuration. The kit's defaults give a handler
// 5 seconds and the end of a message 10 seconds. All other settings have their production defaults. If
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
// after the server was closed, such as those of a database's connections. Without
// this option they fail the test. The goroutines of an http.Client's idle
// connections never do.
func AllowGoroutines() Option { return func(s *settings) { s.goroutines = true } }

// AllowWrongStages permits calls at a stage at which they have no result or no
// effect, such as reading a macro before the stage that the filter asked for, and the use
// of a reader of a message after the filter's end of that message. Without this option
// they fail the test.
func AllowWrongStages() Option { return func(s *settings) { s.wrongStages = true } }

func (s *settings) config() framework.Config {
	cfg := framework.Config{
		HandlerTimeout: 5 * time.Second,
		MessageTimeout: 10 * time.Second,
	}
	for _, fn := range s.configure {
		fn(&cfg)
	}
	return cfg
}
