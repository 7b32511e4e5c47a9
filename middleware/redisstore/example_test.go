package redisstore_test

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/redisstore"
)

// Two machines share the limit of a user. While the server is not reachable, mail
// is accepted.
func ExampleNew() {
	redis.SetLogger(redisstore.NewLogger(slog.Default())) // a setting of the whole process
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	defer func() { _ = client.Close() }()

	r := framework.NewRouter()
	r.Use(middleware.RateLimit(middleware.RateLimitConfig{
		Rate:     middleware.Rate{Events: 500, Per: time.Hour},
		By:       middleware.ByAuthUser(),
		Store:    redisstore.New(client, redisstore.Config{Prefix: "submission:"}),
		FailOpen: true,
	}))
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })

	plan, err := r.Plan()
	fmt.Println(plan.Macros[1].Stage, plan.Macros[1].Names, err)
	// Output: SMFIM_ENVFROM {auth_authen} <nil>
}
