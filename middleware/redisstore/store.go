package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicemail/sluice/middleware"
)

// Config configures a [Store]. The zero value is ready to use.
type Config struct {
	// Prefix is the prefix of every key in the server. Filters with the same
	// name need different prefixes if they must not share limits. The empty
	// string means "sluice:rate:".
	Prefix string
	// Timeout limits one Take, including the time to connect. 0 means one
	// second. It has an effect only if the client has the option
	// ContextTimeoutEnabled. Other clients ignore the context, and their
	// DialTimeout and ReadTimeout apply.
	Timeout time.Duration
	// Failures is the number of consecutive failures after which the store
	// pauses: for the time Pause, Take returns
	// [middleware.ErrRateStorePaused] at once, and the server is not asked.
	// After that, one event asks the server. If that succeeds, the pause is
	// over. Otherwise the next pause begins. A call whose own context ended counts
	// neither way. An error that the server replies about one key, such as
	// WRONGTYPE, is no failure of the server. 0 means 3.
	Failures int
	// Pause is the length of a pause. 0 means 5 seconds.
	Pause time.Duration
	// Logger receives a warning when the store pauses, and a line when the
	// pause is over. Nil means slog.Default().
	Logger *slog.Logger
}

func (cfg Config) withDefaults() Config {
	cfg.Prefix = cmp.Or(cfg.Prefix, "sluice:rate:")
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Second
	}
	if cfg.Failures <= 0 {
		cfg.Failures = 3
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 5 * time.Second
	}
	return cfg
}

// Store is a [middleware.RateStore] in a Redis or Valkey server. It is safe for
// concurrent use.
type Store struct {
	client  redis.Scripter
	cfg     Config
	script  *redis.Script
	breaker *breaker
}

// New returns a store that uses the client. The client may be for a single
// server, a cluster or a ring. New does not connect to the server. The caller
// must close the client after use.
func New(client redis.Scripter, cfg Config) *Store {
	cfg = cfg.withDefaults()
	return &Store{client: client, cfg: cfg, script: redis.NewScript(take), breaker: newBreaker(cfg)}
}

// take is the script that counts an event. It uses GCRA, the generic cell rate
// algorithm: KEYS[1] holds the key's theoretical arrival time. A counted event
// moves this time by one interval. An event is allowed if the moved time is at
// most the room ahead of the server's clock. ARGV is the interval and the room
// of middleware.Rate. All times are in microseconds, because numbers in Lua are
// exact up to 2^53.
//
// The arrival time is further ahead than the room only if the server's clock
// was set back. The script then reduces it to the room: otherwise the key would
// be blocked until the clock has caught up.
const take = `
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or now) or now
local interval, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local function keep()
	redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
end
if arrival < now then arrival = now end
if arrival > now + room then
	arrival = now + room
	keep()
end
if arrival + interval > now + room then return arrival + interval - now - room end
arrival = arrival + interval
keep()
return 0
`

// Take implements [middleware.RateStore]. It rounds times up to microseconds. While the
// store pauses, it returns an error that wraps [middleware.ErrRateStorePaused].
func (st *Store) Take(ctx context.Context, key string, rate middleware.Rate) (time.Duration, error) {
	return st.breaker.call(ctx, func() (time.Duration, error) { return st.ask(ctx, key, rate) })
}

// ask counts an event in the server.
func (st *Store) ask(ctx context.Context, key string, rate middleware.Rate) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, st.cfg.Timeout)
	defer cancel()
	interval := microseconds(rate.Interval())
	room := interval * int64(rate.Room()/rate.Interval())
	wait, err := st.script.Run(ctx, st.client, []string{st.cfg.Prefix + key}, interval, room).Int64()
	if err != nil {
		return 0, fmt.Errorf("redisstore: %w", err)
	}
	return time.Duration(wait) * time.Microsecond, nil
}

func microseconds(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}
