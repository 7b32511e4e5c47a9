package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/redisstore"
)

// server answers scripts, and records the requests.
type server struct {
	redis.Scripter
	keys     []string
	args     []any
	deadline bool
	wait     int64
	err      error
}

func (s *server) EvalSha(ctx context.Context, _ string, keys []string, args ...any) *redis.Cmd {
	s.keys, s.args = keys, args
	_, s.deadline = ctx.Deadline()
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(s.wait)
	cmd.SetErr(s.err)
	return cmd
}

func TestTake(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		cfg  redisstore.Config
		rate middleware.Rate
		wait int64
		err  error
		key  string
		args []any
		want time.Duration
	}{
		"counted":          {rate: middleware.Rate{Events: 60, Per: time.Minute}, key: "sluice:rate:k", args: []any{int64(1_000_000), int64(60_000_000)}},
		"over":             {rate: middleware.Rate{Events: 60, Per: time.Minute, Burst: 2}, wait: 1500, key: "sluice:rate:k", args: []any{int64(1_000_000), int64(2_000_000)}, want: 1500 * time.Microsecond},
		"rounded up":       {rate: middleware.Rate{Events: 3, Per: 10 * time.Microsecond}, key: "sluice:rate:k", args: []any{int64(4), int64(12)}},
		"a prefix, failed": {cfg: redisstore.Config{Prefix: "mx:"}, rate: middleware.Rate{Events: 1, Per: time.Second}, err: broken, key: "mx:k", args: []any{int64(1_000_000), int64(1_000_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := &server{wait: c.wait, err: c.err}
			wait, err := redisstore.New(srv, c.cfg).Take(t.Context(), "k", c.rate)
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, wait)
			assert.Equal(t, []string{c.key}, srv.keys)
			assert.Equal(t, c.args, srv.args)
			assert.True(t, srv.deadline)
		})
	}
}
