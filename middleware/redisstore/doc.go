// Package redisstore counts rates in a Redis or Valkey server, so that several
// machines share the limits of [middleware.RateLimit]:
//
//	client := redis.NewClient(&redis.Options{
//		Addr:                  "redis.example.net:6379",
//		ContextTimeoutEnabled: true, // else Config.Timeout does not hold
//	})
//	limit := middleware.RateLimit(middleware.RateLimitConfig{
//		Rate:  middleware.Rate{Events: 500, Per: time.Hour},
//		By:    middleware.ByAuthUser(),
//		Store: redisstore.New(client, redisstore.Config{}),
//	})
//
// It is a package of its own so that only those who use it depend on
// github.com/redis/go-redis.
//
// Each event is one script, which the server runs as a whole: two machines never
// count past each other, and the server's clock is the only one. A key lives as
// long as it makes a difference, and then expires. It takes Redis 5 or later, or
// any Valkey.
//
// When the server cannot be reached, Take returns the error, and
// [middleware.RateLimitConfig] decides whether mail passes then (FailOpen).
package redisstore
