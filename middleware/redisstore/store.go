package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicemail/sluice/middleware"
)

// Config is what a [Store] may be told. The zero value suits.
type Config struct {
	// Prefix begins the name of every key in the server. Filters of the same
	// name that must not share their limits need different ones. The empty
	// string means "sluice:rate:".
	Prefix string
	// Timeout bounds one Take, with connecting. 0 means one second. It holds
	// for clients that were made with ContextTimeoutEnabled alone; others
	// heed no context, and wait as long as their DialTimeout and ReadTimeout
	// allow.
	Timeout time.Duration
}

// Store is a [middleware.RateStore] in a Redis or Valkey server. Its methods may
// be called from any goroutine.
type Store struct {
	client redis.Scripter
	cfg    Config
	script *redis.Script
}

// New returns a store that uses the client, which may be one of a single
// server, of a cluster, or of a ring. It says nothing to the server yet. Closing
// the client is left to the caller.
func New(client redis.Scripter, cfg Config) *Store {
	if cfg.Prefix == "" {
		cfg.Prefix = "sluice:rate:"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Second
	}
	return &Store{client: client, cfg: cfg, script: redis.NewScript(take)}
}

// take counts an event of KEYS[1], which holds the time at which all that was
// counted is paid for, one event an interval (GCRA, the generic cell rate
// algorithm). ARGV holds the interval and the room, as of middleware.Rate. All
// times are in microseconds: a number in Lua is exact up to 2^53 of them.
//
// Nobody is allowed to owe more than the room. A key that does was counted before
// the server's clock was set back, and must not wait until it has caught up.
const take = `
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local paid = tonumber(redis.call('GET', KEYS[1]) or now) or now
local interval, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local function keep()
	redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
end
if paid < now then paid = now end
if paid > now + room then
	paid = now + room
	keep()
end
if paid + interval > now + room then return paid + interval - now - room end
paid = paid + interval
keep()
return 0
`

// Take implements [middleware.RateStore]. Times are rounded up to microseconds.
func (st *Store) Take(ctx context.Context, key string, rate middleware.Rate) (time.Duration, error) {
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
