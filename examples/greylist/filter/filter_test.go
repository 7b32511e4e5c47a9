package filter_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/greylist/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const day = 24 * time.Hour

func rules() filter.Rules {
	return filter.Rules{Delay: time.Minute, Retry: 2 * day, Keep: 35 * day, Entries: 100}
}

func newFilter(t *testing.T, r filter.Rules) filter.Filter {
	t.Helper()
	list, err := filter.NewList(r)
	require.NoError(t, err)
	return filter.Filter{List: list}
}

// from returns a message from a client, sent by ann to bob unless options change
// that.
func from(client string, opts ...miltertest.MessageOption) *mta.Message {
	return miltertest.Message("Subject: hello\n\nHow are you?\n", append([]miltertest.MessageOption{
		miltertest.Client(client), miltertest.From("ann@example.org"), miltertest.To("bob@example.net"),
	}, opts...)...)
}

const refusal = "451 4.7.1 greylisted, please try again in a few minutes"

func TestTimes(t *testing.T) {
	t.Parallel()
	type try struct {
		after  time.Duration
		passes bool
	}
	tests := map[string][]try{
		"a stranger is refused":                    {{0, false}},
		"who does not wait waits on":               {{0, false}, {30 * time.Second, false}, {29 * time.Second, false}},
		"who waited passes":                        {{0, false}, {time.Minute, true}},
		"haste does not make the wait longer":      {{0, false}, {59 * time.Second, false}, {time.Second, true}},
		"who passed passes at once":                {{0, false}, {time.Minute, true}, {0, true}, {34 * day, true}},
		"each message keeps an acquaintance":       {{0, false}, {time.Minute, true}, {34 * day, true}, {34 * day, true}},
		"silence ends it":                          {{0, false}, {time.Minute, true}, {35 * day, false}, {time.Minute, true}},
		"a stranger who comes late begins anew":    {{0, false}, {2 * day, false}, {time.Minute, true}},
		"a stranger who comes in time just passes": {{0, false}, {2*day - 1, true}},
	}
	for name, tries := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := miltertest.NewServer(t, newFilter(t, rules()))
				for i, try := range tries {
					time.Sleep(try.after)
					res := srv.Dial(t).Run(t, from("192.0.2.7"))
					assert.Equal(t, try.passes, res.Delivered(), "try %d", i)
					if !try.passes {
						assert.Equal(t, refusal, res.Reply())
					}
				}
			})
		})
	}
}

func TestWhoIsKnown(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		msg    *mta.Message
		passes bool
	}{
		"the same":                 {from("192.0.2.7"), true},
		"a server beside it":       {from("192.0.2.200"), true},
		"in capitals":              {from("192.0.2.7", miltertest.From("Ann@Example.ORG")), true},
		"another network":          {from("192.0.3.7"), false},
		"IPv4 in IPv6":             {from("::ffff:192.0.2.9"), true},
		"the same in IPv6":         {from("2001:db8::1"), true},
		"the same /64":             {from("2001:db8::ffff:0:0:1"), true},
		"another /64":              {from("2001:db8:0:1::1"), false},
		"another sender":           {from("192.0.2.7", miltertest.From("eve@example.org")), false},
		"no sender":                {from("192.0.2.7", miltertest.From("")), false},
		"parts that join the same": {from("192.0.2.7", miltertest.From("ann@example.orgbob"), miltertest.To("@example.net")), false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := miltertest.NewServer(t, newFilter(t, rules()))
				for _, client := range []string{"192.0.2.7", "2001:db8::7"} {
					srv.Dial(t).Run(t, from(client)).AssertTempFailed(t)
				}
				time.Sleep(time.Hour)
				assert.Equal(t, c.passes, srv.Dial(t).Run(t, c.msg).Delivered())
			})
		})
	}
}

// TestWhatItDoesNotDo shows what the README says about senders that wait for long.
func TestWhatItDoesNotDo(t *testing.T) {
	t.Parallel()
	verp := func(n int) miltertest.MessageOption {
		return miltertest.From(fmt.Sprintf("list-%d-bob=example.net@example.org", n))
	}
	tests := map[string][]*mta.Message{
		"a pool over several networks":  {from("192.0.2.7"), from("198.51.100.7"), from("203.0.113.7")},
		"a new sender in each message":  {from("192.0.2.7", verp(1)), from("192.0.2.7", verp(2)), from("192.0.2.7", verp(3))},
		"own networks, this host's too": {from("127.0.0.1"), from("10.0.0.7")},
		"a null sender":                 {from("192.0.2.7", miltertest.From(""))},
	}
	for name, tries := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := miltertest.NewServer(t, newFilter(t, rules()))
				for _, msg := range tries {
					srv.Dial(t).Run(t, msg).AssertTempFailed(t)
					time.Sleep(time.Hour)
				}
			})
		})
	}
}

// own is the filter for clients outside of two networks only, as the README
// suggests.
type own struct{ filter.Filter }

func (f own) Register(r *framework.Router) error {
	r.Use(middleware.When(middleware.Not(middleware.ClientIn("127.0.0.0/8", "10.0.0.0/8"))))
	return f.Filter.Register(r)
}

func TestOwnNetworks(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, own{newFilter(t, rules())})
	srv.Dial(t).Run(t, from("10.0.0.7")).AssertAccepted(t)
	srv.Dial(t).Run(t, from("192.0.2.7")).AssertTempFailed(t)
}

func TestEachRecipientWaitsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := miltertest.NewServer(t, newFilter(t, rules()))
		srv.Dial(t).Run(t, from("192.0.2.7")).AssertTempFailed(t)
		time.Sleep(time.Hour)
		res := srv.Dial(t).Run(t, from("192.0.2.7", miltertest.To("carol@example.net")))
		res.AssertAccepted(t)
		assert.Equal(t, []string{"bob@example.net"}, res.Recipients())
	})
}

func TestWhoIsNotAsked(t *testing.T) {
	t.Parallel()
	local := from("192.0.2.7")
	local.Client = mta.Client{Host: "localhost", Family: wire.FamilyUnix, Addr: "/run/mail.sock"}
	for name, msg := range map[string]*mta.Message{
		"logged in":   from("192.0.2.7", miltertest.Auth("ann")),
		"unix socket": local,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			miltertest.Run(t, newFilter(t, rules()), msg).AssertAccepted(t)
		})
	}
}

// A flood of new triplets does not displace accepted ones. Of the new ones, the
// list remembers roughly the latest.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := rules()
		r.Entries = 8 // put looks at eight entries, here all of them, so the oldest is forgotten
		srv := miltertest.NewServer(t, newFilter(t, r))
		conn := srv.Dial(t)
		stranger := func(n int) *mta.Message { return from("192.0.2.7", miltertest.From(fmt.Sprint(n, "@example.org"))) }
		conn.Run(t, from("192.0.2.7")).AssertTempFailed(t)
		time.Sleep(time.Minute)
		conn.Run(t, from("192.0.2.7")).AssertAccepted(t)
		for n := range 100 {
			time.Sleep(time.Millisecond)
			conn.Run(t, stranger(n)).AssertTempFailed(t)
		}
		time.Sleep(time.Minute)
		conn.Run(t, from("192.0.2.7")).AssertAccepted(t)
		conn.Run(t, stranger(91)).AssertTempFailed(t)
		for n := 93; n < 100; n++ {
			conn.Run(t, stranger(n)).AssertAccepted(t)
		}
	})
}

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	fresh := func() framework.Filter {
		list, _ := filter.NewList(rules())
		return filter.Filter{List: list}
	}
	miltertest.TestFilter(t, fresh(), miltertest.Fresh(fresh), miltertest.Messages(
		from("192.0.2.7"), from("192.0.2.7", miltertest.Auth("ann"))))
}
