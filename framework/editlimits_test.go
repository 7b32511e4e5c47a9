package framework_test

import (
	"errors"
	"maps"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// What a handler asks for in a dry run counts neither against the number of edits nor
// against the memory of those of the other handlers.
func TestDryRunOfARouteCountsNothing(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	dry := func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.DryRun()
		return next
	}
	add := r.GrantAddHeader()
	insert := func(n int) func(*framework.Session) error {
		return func(s *framework.Session) (err error) {
			for range n {
				err = errors.Join(err, add.InsertTop(s, "X", "y"))
			}
			return err
		}
	}
	for range 2 {
		r.With(dry).ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return insert(5000)(s) })
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, insert(5000)(s)
	})
	res := miltertest.RunRouter(t, r, letter(), miltertest.Configure(func(c *framework.Config) { c.MemoryBudget = 3 << 20 }))
	res.AssertAccepted(t)
	assert.Len(t, res.Modifications, 5000)
}

// Reserve accepts no number that would corrupt the budget.
func TestReserveOfStrangeNumbers(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	memory := r.WantMemory()
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		for range 3 {
			for _, n := range []int{math.MaxInt, math.MaxInt - 1, math.MaxInt / 2} {
				assert.ErrorIs(t, memory.Reserve(s, n), framework.ErrNoMemory)
			}
			assert.Panics(t, func() { _ = memory.Reserve(s, -1) })
			assert.Panics(t, func() { _ = memory.Reserve(s, math.MinInt) })
		}
		return framework.Continue, memory.Reserve(s, 1000)
	})
	srv := miltertest.NewRouterServer(t, r)
	assert.Equal(t, "ccc", talk(t, srv.Dial(t), "CHM"))
	srv.Close(t)
	assert.Zero(t, srv.Stats().KeptMemory)
}

// What a filter reserves at HELO is released at the next one, because a client may send
// HELO any number of times.
func TestReserveAtEachHelo(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	memory := r.WantMemory()
	r.OnConnect(func(s *framework.Session, _ *framework.Connect) (framework.Verdict, error) {
		return framework.Continue, memory.Reserve(s, 20_000)
	})
	r.OnHelo(func(s *framework.Session, _ *framework.Helo) (framework.Verdict, error) {
		return framework.Continue, memory.Reserve(s, 1000)
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	talk(t, conn, "CH")
	once := srv.Stats().KeptMemory
	assert.Greater(t, once, int64(21_000))
	for range 100 {
		talk(t, conn, "H")
	}
	assert.Equal(t, once, srv.Stats().KeptMemory)
	srv.Close(t)
	assert.Zero(t, srv.Stats().KeptMemory)
}

// A field that has a line of white space alone, or a CR, can be renamed.
func TestRenameOfAMalformedField(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"a\n \n b":   "a\n b",
		"a\rb\n\t\n": "a b",
		"a\n b":      "a\n b",
	} {
		for _, stage := range []string{"mail", "end of message"} {
			for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
				r := framework.NewRouter()
				r.Mount(miltertest.FilterFunc("f", editor(stage, func(s *framework.Session, g grants) error {
					return g.rename.Rename(s, framework.NthHeader("Old", 1), "New")
				})))
				m := miltertest.Message("Old: x\n\nbody\n")
				m.Header[0].Value = " " + value
				res := miltertest.RunRouter(t, r, m, miltertest.As(p))
				res.AssertAccepted(t)
				got := res.Header("New")
				assert.Equal(t, want, got, "%q at %s on %s", value, stage, p.Name)
			}
		}
	}
}

// A field that is deleted twice, by its number and by its handle, counts once, and one that
// is not there does not count.
func TestDeletionsThatCount(t *testing.T) {
	t.Parallel()
	sent := map[string]int{}
	r := framework.NewRouter()
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.AfterMessage(func(_ *framework.Session, m *framework.MessageResult) { maps.Insert(sent, m.Modifications()) })
		return next
	})
	change := r.GrantChangeHeader()
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		return errors.Join(
			change.Delete(s, framework.NthHeader("Subject", 1)), change.Delete(s, h.Handle()),
			change.Delete(s, framework.NthHeader("Absent", 1)),
		)
	})
	r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
	srv := miltertest.NewRouterServer(t, r)
	srv.Dial(t).Run(t, miltertest.Message("Subject: s\n\nbody\n")).AssertAccepted(t)
	srv.Close(t)
	assert.Equal(t, map[string]int{"delheader": 1}, sent)
}

// A filter may use the addresses that the MTA accepted: as they are, whatever they are, if
// the message has them.
func TestAddressesOfTheMessage(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{
		"<@relay.example.org:bob@example.net>", "<bob@example.net.>", "<b:ob@example.net>", "<bob smith@example.net>",
		"<b\xe9b@example.net>", "<@example.net>", "<bob(x)y@example.net>",
	} {
		r := framework.NewRouter()
		add, remove, sender, env := r.GrantAddRecipient(), r.GrantDeleteRecipient(), r.GrantChangeSender(), r.WantEnvelope()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			to := env.Recipients(s)[0]
			return framework.Continue, errors.Join(remove.Delete(s, to), add.Add(s, to), sender.Change(s, env.Sender(s)))
		})
		res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nbody\n", miltertest.From(addr), miltertest.To(addr)))
		res.AssertAccepted(t)
		assert.Len(t, res.Modifications, 3, addr)
	}
}
