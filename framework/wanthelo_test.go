package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// The name of the last HELO is available at each stage of all messages of the
// session, for filters and for middleware. It costs one packet and no reply.
func TestWantHelo(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]func(r *framework.Router) func() framework.KeptHelo{
		"filter": func(r *framework.Router) func() framework.KeptHelo {
			h := r.WantHelo()
			return func() framework.KeptHelo { return h }
		},
		"middleware": func(r *framework.Router) func() framework.KeptHelo {
			var h framework.KeptHelo
			r.Use(asking(func(rt *framework.Route) { h = rt.WantHelo() }))
			return func() framework.KeptHelo { return h }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			r := framework.NewRouter()
			helo := want(r)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				seen = append(seen, helo().Value(s))
				return framework.Continue, nil
			})
			r.ObserveClose(func(s *framework.Session, _ *framework.Close) error {
				seen = append(seen, "close "+helo().Value(s))
				return nil
			})
			srv := miltertest.NewRouterServer(t, r)
			assert.Equal(t, allNo&^wire.ProtoNoHelo|wire.ProtoNRHelo, srv.Plan().Protocol)
			conn := srv.Dial(t)
			conn.Run(t, miltertest.Message(hello, miltertest.Helo("one"))).AssertAccepted(t)
			conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
			_, err := conn.Helo(t.Context(), "two")
			require.NoError(t, err)
			conn.Run(t, miltertest.Message(hello)).AssertAccepted(t)
			require.NoError(t, conn.QuitNC())
			conn.Run(t, miltertest.Message(hello, miltertest.Helo("three"))).AssertAccepted(t)
			srv.Close(t)
			assert.Equal(t, []string{"one", "one", "two", "close two", "three", "close three"}, seen)
		})
	}
}

func TestWantHeloOfAnother(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		assert.Panics(t, func() { framework.KeptHelo{}.Value(s) })
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message(hello)).AssertAccepted(t)
}
