package miltertest_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

type (
	router  = framework.Router
	verdict = framework.Verdict
	replies = []wire.Reply
)

// quirkCase contains a naive filter that works on an MTA without a quirk and
// fails on one with it, and the same filter with the framework, which works on
// both.
type quirkCase struct {
	naive naive
	right func(r *router, n *notes)
	// want is the expected outcome of the messages.
	want string
	// unavoidable is the outcome with the quirk, if no filter can have the
	// expected one there.
	unavoidable string
	msgs        []*mta.Message
	// plain is the MTA without the quirk, if it is not Plain. other is the
	// MTA with it.
	plain, other *miltertest.Personality
}

func bareReply(code wire.ReplyCode) replies { return replies{&wire.BareReply{Code: code}} }

// adding returns the replies to the end of a message that add a field.
func adding(name string, value any) replies {
	return replies{&wire.AddHeader{Name: name, Value: fmt.Sprint(value)}, &wire.BareReply{Code: wire.RepContinue}}
}

// field registers a handler that adds a field at the end of the message.
func field(r *router, name string, value func(s *session) any) {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
		return framework.Continue, add.Append(s, name, fmt.Sprint(value(s)))
	})
}

// with is the outcome of two plain messages to which a field was added.
func with(name, value string) string {
	one := "Subject:hello " + name + ":" + value + " <recipient@example.net>"
	return one + "; " + one + " "
}

func parse[M any, P interface {
	*M
	wire.Command
}](f wire.Frame) P {
	m := P(new(M))
	if err := m.Decode(f.Data); err != nil {
		panic(err)
	}
	return m
}

func code(f wire.Frame) wire.CommandCode { return wire.CommandCode(f.Code) }

// seen registers the simplest filter, for quirks that only have to leave it
// working.
func seen(r *router, _ *notes) { field(r, "X-Seen", func(*session) any { return "yes" }) }

func TestQuirks(t *testing.T) {
	t.Parallel()
	cases := make(map[miltertest.Quirk]quirkCase)
	for _, group := range []map[miltertest.Quirk]quirkCase{orderQuirks(), macroQuirks(), envelopeQuirks(), contentQuirks(), stalwartQuirks(), maddyQuirks()} {
		maps.Copy(cases, group)
	}
	for _, q := range mta.AllQuirks() {
		t.Run(q.String(), func(t *testing.T) {
			t.Parallel()
			c, ok := cases[q]
			require.True(t, ok, "the quirk has no case")
			without, with := miltertest.Plain(), miltertest.Plain().With(q)
			if c.plain != nil {
				without, with = *c.plain, *c.other
			}
			msgs := c.msgs
			if msgs == nil {
				msgs = []*mta.Message{miltertest.Message(plain), miltertest.Message(plain)}
			}
			assert.Equal(t, c.want, c.naive.run(t, without, msgs), "the naive filter, without the quirk")
			assert.NotEqual(t, c.want, c.naive.run(t, with, msgs), "the naive filter, with the quirk")
			assert.Equal(t, c.want, runOnFramework(t, c.right, without, msgs), "the framework, without the quirk")
			assert.Equal(t, cmp.Or(c.unavoidable, c.want), runOnFramework(t, c.right, with, msgs), "the framework, with the quirk")
		})
	}
}

// With any combination of quirks, a filter that uses the framework works, and
// the framework reports no protocol violation.
func TestQuirksTogether(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4)) // the same combinations in each run
	msgs := []*mta.Message{
		miltertest.Message(plain, miltertest.Client("2001:db8::7")), miltertest.Message(plain, miltertest.Client("2001:db8::7")),
	}
	for range 60 {
		p := []miltertest.Personality{miltertest.Plain(), miltertest.Postfix(), miltertest.Sendmail()}[random.IntN(3)]
		p.MTA.Quirks = mta.Quirks(random.Uint64()) & mta.QuirkSet(mta.AllQuirks()...)
		want := with("X-Seen", "yes")
		if p.MTA.Quirks.Has(mta.TopFields) {
			want = strings.ReplaceAll(want, "Subject:hello X-Seen:yes", "X-Seen:yes Subject:hello")
		}
		for _, register := range []func(*router, *notes){seen, seenEverywhere} {
			assert.Equal(t, want, runOnFramework(t, register, p, msgs), "%s %v", p.Name, p.MTA.Quirks.List())
		}
	}
}

// seenEverywhere is like seen, but has a handler at each stage.
func seenEverywhere(r *router, n *notes) {
	r.ObserveConnect(func(*session, *framework.Connect) error { return nil })
	r.OnHelo(func(*session, *framework.Helo) (verdict, error) { return framework.Continue, nil })
	r.OnMail(func(*session, *framework.Mail) (verdict, error) { return framework.Continue, nil })
	r.ObserveRejectedRcpt(func(*session, *framework.RejectedRcpt) error { return nil })
	r.OnRcpt(func(*session, *framework.Rcpt) (verdict, error) { return framework.Continue, nil })
	r.OnData(func(*session, *framework.Data) (verdict, error) { return framework.Continue, nil })
	r.ObserveHeader(func(*session, *framework.Header) error { return nil })
	r.OnEndOfHeaders(func(*session, *framework.EndOfHeaders) (verdict, error) { return framework.Continue, nil })
	r.OnBody(func(*session, *framework.Body) (verdict, error) { return framework.SkipBody, nil })
	r.OnUnknown(func(*session, *framework.Unknown) (verdict, error) { return framework.Continue, nil })
	seen(r, n)
}
