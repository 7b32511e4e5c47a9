// Package redisstore counts rates in a Redis or Valkey server, so that several
// machines share the limits of [middleware.RateLimit]:
//
//	client := redis.NewClient(&redis.Options{
//		Addr:                  "redis.example.net:6379",
//		ContextTimeoutEnabled: true, // otherwise Config.Timeout has no effect
//	})
//	limit := middleware.RateLimit(middleware.RateLimitConfig{
//		Rate:  middleware.Rate{Events: 500, Per: time.Hour},
//		By:    middleware.ByAuthUser(),
//		Store: redisstore.New(client, redisstore.Config{}),
//	})
//
// It is a separate package so that only its users depend on
// github.com/redis/go-redis.
//
// Each event is counted by one script, which the server runs atomically with
// its own clock. Machines can therefore not exceed the rate together, even if
// their clocks differ. A key expires as soon as the full burst is allowed
// again. The store needs Redis 5 or later, or any version of Valkey.
//
// # If the server is away
//
// If the server is not reachable, Take returns the error. The field FailOpen of
// [middleware.RateLimitConfig] decides whether mail is then accepted.
//
// Each such event waits for Config.Timeout. After Config.Failures of them in a row, the
// store pauses: for Config.Pause, Take fails at once and does not ask the server. After
// that, one event asks the server, while the others go on without it. The store logs one
// line when the server begins to fail and one when it answers again.
//
// The client library logs its own lines to standard error. [NewLogger] passes them on to
// slog.
package redisstore
