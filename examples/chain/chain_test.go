package main_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	main "github.com/sluicemail/sluice/examples/chain"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// checks is a milter that refuses a sender.
func checks(r *framework.Router) error {
	r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
		if e.Sender() == "spam@example.org" {
			return framework.Reply(550, "5.7.1", "not from you")
		}
		return framework.Continue, nil
	})
	return nil
}

// signs is a milter that writes the subject that it sees to a field of its own.
func signs(r *framework.Router) error {
	header, add := r.WantHeaders(), r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		subject, _ := header.First(s, "Subject")
		return framework.Continue, add.InsertTop(s, "X-Signed", subject.Value)
	})
	return nil
}

// elsewhere serves a milter until the test ends, and returns its address.
func elsewhere(t *testing.T, name string, register func(*framework.Router) error) string {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc(name, register))
	addr := "unix:" + filepath.Join(t.TempDir(), "s")
	ln, err := framework.Listen(addr)
	require.NoError(t, err)
	realmta.Serve(t, ln, r, framework.Config{})
	return addr
}

// router returns the chain with the two milters.
func router(t *testing.T) *framework.Router {
	t.Helper()
	r, err := main.Chain{Verify: elsewhere(t, "checks", checks), Sign: elsewhere(t, "signs", signs)}.Router()
	require.NoError(t, err)
	return r
}

// The milter that signs sees the tag, and the milter that checks decides before.
func TestChain(t *testing.T) {
	t.Parallel()
	msg := &mta.Message{
		Sender: mta.Address{Addr: "<ann@example.org>"}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}},
		Header: []mta.Field{{Name: "Subject", Value: " hello"}},
	}
	for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
		res := miltertest.RunRouter(t, router(t), msg, miltertest.As(p))
		require.NotNil(t, res.Edited, res.Logs)
		assert.Equal(t, []mta.Field{{Name: "X-Signed", Value: " [external] hello"}, {Name: "Subject", Value: " [external] hello"}}, res.Edited.Header)

		spam := *msg
		spam.Sender.Addr = "<spam@example.org>"
		res = miltertest.RunRouter(t, router(t), &spam, miltertest.As(p))
		assert.Equal(t, []string{"550 5.7.1 not from you"}, res.Verdict.Lines())
	}
}

// What the milters want is all that is asked of the mail server.
func TestPlan(t *testing.T) {
	t.Parallel()
	plan, err := router(t).Plan()
	require.NoError(t, err)
	assert.Equal(t, wire.ActionChgHdrs, plan.Actions, "of the filter of this program")
	assert.True(t, plan.Protocol.Has(wire.ProtoNoHelo|wire.ProtoNoBody|wire.ProtoNoUnknown|wire.ProtoNRHdr))
	assert.False(t, plan.Protocol.Has(wire.ProtoNRMail), "the first milter answers at MAIL")
}

// A wrong address is a wrong argument.
func TestWrongAddress(t *testing.T) {
	t.Parallel()
	_, err := main.Chain{Verify: "nowhere:1", Sign: "inet:8891@127.0.0.1"}.Router()
	assert.ErrorContains(t, err, "unknown scheme")
}
