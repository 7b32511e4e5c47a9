package middleware_test

import (
	"fmt"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

func ExampleDryRun() {
	r := framework.NewRouter()
	r.With(middleware.DryRun()).OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
		return framework.Reject, nil // a new rule, of which nobody is certain yet
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
	rec, _ := res.Logs.Find("dry run: verdict")
	verdict, _ := miltertest.LogAttr(rec, "verdict")
	fmt.Println(res.Delivered(), verdict)
	// Output:
	// true reject
}
