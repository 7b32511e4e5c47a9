package framework_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// unlike is told of ends, and cannot be compared.
type unlike struct{ _ []int }

func (unlike) MessageEnd(*framework.Session, *framework.MessageEnd) {}

func TestAtMessageEndMistakes(t *testing.T) {
	t.Parallel()
	for _, e := range []framework.MessageEnder{nil, unlike{}} {
		r := framework.NewRouter()
		r.Use(asking(func(rt *framework.Route) { rt.AtMessageEnd(e) }))
		r.OnMail(goesOn)
		_, err := r.Plan()
		assert.ErrorContains(t, err, "AtMessageEnd of a ")
	}
}

// A message whose handler was answered for ends, once the handler is back, with
// what was said in its place.
func TestMessageEndAfterAHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told ledgerOfEnds
		r := framework.NewRouter()
		r.Use(asking(func(rt *framework.Route) { rt.AtMessageEnd(&told) }))
		r.OnAbort(func(*framework.Session, *framework.Abort) error { return nil })
		r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
			time.Sleep(time.Hour)
			return framework.Continue, nil
		})
		srv := miltertest.NewRouterServer(t, r)
		res := srv.Dial(t).Run(t, miltertest.Message(hello))
		assert.Equal(t, "451 4.3.0 mail filter failed, try again later", res.Reply())
		time.Sleep(2 * time.Hour)
		srv.Close(t)
		assert.Equal(t, []string{`1 reply 451 4.3.0 mail filter failed, try again later by "main" at data aborted=false rcpts=0 size=0 queue=4ZsluiceZ1 main:continue`}, told.ends)
	})
}
