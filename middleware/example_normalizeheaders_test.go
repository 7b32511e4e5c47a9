package middleware_test

import (
	"fmt"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

func ExampleNormalizeHeaders() {
	r := framework.NewRouter()
	r.Use(middleware.NormalizeHeaders(middleware.NormalizeConfig{}))
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		fmt.Printf("%s: %s (was %s: %q)\n", h.Name(), h.Value(), h.RawName(), h.Raw())
		return nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n an alle\n\nhi\n"))
	// Output:
	// Subject: grüße an alle (was subject: "=?utf-8?q?gr=C3=BC=C3=9Fe?=\n an alle")
}
