package middleware_test

import (
	"fmt"
	"os"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

func ExampleTimeout() {
	r := framework.NewRouter()
	r.Use(middleware.Timeout(middleware.TimeoutConfig{Event: 10 * time.Millisecond}))
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		<-s.Context().Done() // a database that does not answer
		return framework.Continue, s.Context().Err()
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
	fmt.Println(res.Reply())
	// Output:
	// 451 4.3.0 mail filter failed, try again later
}
