package framework_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// Greylist refuses mail temporarily if it has not seen the combination of the
// client's network, the sender and the recipient before. Most spammers do not
// retry. If an MTA does not send DATA, such as Postfix with milter_protocol =
// 2, Greylist accepts bounces immediately.
type Greylist struct{ Store *GreylistStore }

func (Greylist) Name() string { return "greylist" }

func (g Greylist) Register(r *framework.Router) error {
	network := framework.PerConnection[netip.Prefix](r)
	login, envelope := r.WantMacro(framework.StageMail, "{auth_authen}"), r.WantEnvelope()
	later := framework.MustReply(451, "4.7.1", "Greylisted, please try again later")

	r.ObserveConnect(func(s *framework.Session, c *framework.Connect) error {
		addr, bits := c.Addr().Unmap(), 24
		if addr.Is6() {
			bits = 64
		}
		*network.Get(s), _ = addr.Prefix(bits) // zero if the client has no address
		return nil
	})
	r.OnRcpt(func(s *framework.Session, rcpt *framework.Rcpt) (framework.Verdict, error) {
		if user, _ := login.Value(s); user != "" {
			return framework.Accept, nil
		}
		// Servers probe addresses with an empty sender and then
		// disconnect. A real bounce is delayed at DATA.
		sender := envelope.Sender(s)
		if sender != "" && g.Store.Early(*network.Get(s), sender, rcpt.Recipient()) {
			return later, nil
		}
		return framework.Continue, nil
	})
	r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
		verdict := framework.Continue
		if envelope.Sender(s) == "" {
			for _, recipient := range envelope.Recipients(s) {
				if g.Store.Early(*network.Get(s), "", recipient) {
					verdict = later // continue, so that the delay starts for all recipients
				}
			}
		}
		return verdict, nil
	})
	return nil
}

// GreylistStore remembers in memory who has tried to send mail to whom. It is
// safe for concurrent use.
type GreylistStore struct {
	Delay time.Duration    // how long a new triple waits
	Keep  time.Duration    // how long a triple is remembered after it was last seen
	Max   int              // how many triples are remembered; if the store is full, new ones pass
	Now   func() time.Time // the clock

	mu    sync.Mutex
	seen  map[triple]attempts
	sweep time.Time // when to delete old triples next
}

type triple struct {
	network           netip.Prefix
	sender, recipient string
}

type attempts struct{ first, last time.Time }

// Early records an attempt and reports whether it comes too early.
func (st *GreylistStore) Early(network netip.Prefix, sender, recipient string) bool {
	t, now := triple{network, strings.ToLower(sender), strings.ToLower(recipient)}, st.Now()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.seen == nil {
		st.seen = make(map[triple]attempts)
	}
	if now.After(st.sweep) {
		maps.DeleteFunc(st.seen, func(_ triple, a attempts) bool { return now.Sub(a.last) > st.Keep })
		st.sweep = now.Add(st.Keep / 16)
	}
	a, ok := st.seen[t]
	if !ok && len(st.seen) >= st.Max {
		return false
	}
	if !ok {
		a.first = now
	}
	a.last = now
	st.seen[t] = a
	return now.Sub(a.first) < st.Delay
}

// A greylister: the client's network, the sender and the recipient must have
// been seen together before.
func Example_greylist() {
	clock := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	store := &GreylistStore{
		Delay: 5 * time.Minute, Keep: 35 * 24 * time.Hour, Max: 1_000_000,
		Now: func() time.Time { return clock },
	}
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	srv := miltertest.NewServer(t, Greylist{store})
	send := func(what string, opts ...miltertest.MessageOption) {
		res := srv.Dial(t).Run(t, miltertest.Message("Subject: hello\n\nHow are you?\n", opts...))
		fmt.Printf("%s: delivered: %v\n", what, res.Delivered())
		if !res.Delivered() {
			fmt.Println("   ", res.RefusedAt(), res.Reply())
		}
	}
	send("first attempt")
	clock = clock.Add(time.Minute)
	send("too early")
	send("authenticated", miltertest.Auth("ann"))
	clock = clock.Add(5 * time.Minute)
	send("same network", miltertest.Client("192.0.2.77"))
	send("other network", miltertest.Client("198.51.100.1"))
	send("bounce", miltertest.From(""))
	clock = clock.Add(5 * time.Minute)
	send("bounce again", miltertest.From(""))
	// Output:
	// first attempt: delivered: false
	//     Rcpt 451 4.7.1 Greylisted, please try again later
	// too early: delivered: false
	//     Rcpt 451 4.7.1 Greylisted, please try again later
	// authenticated: delivered: true
	// same network: delivered: true
	// other network: delivered: false
	//     Rcpt 451 4.7.1 Greylisted, please try again later
	// bounce: delivered: false
	//     Data 451 4.7.1 Greylisted, please try again later
	// bounce again: delivered: true
}
