package middleware

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Condition is a question about a message: see [When]. The zero Condition
// cannot be used. A condition may be used any number of times.
type Condition struct {
	// use begins one use of the condition, with a state of its own. What it
	// returns is called for each route.
	use func() func(rt *framework.Route) evaluation
	// each tells that, at Rcpt, the answer is about the one recipient.
	each  bool
	wrong string
}

// evaluation answers a condition for the handlers of one route.
type evaluation = func(s *framework.Session, ev framework.Event) (truth, error)

// truth is an answer, or that it is not known yet.
type truth int8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func notYet(*framework.Session, framework.Event) (truth, error) { return unknown, nil }

// stateless returns a condition without a state of its own.
func stateless(bind func(rt *framework.Route) evaluation) Condition {
	return Condition{use: func() func(rt *framework.Route) evaluation { return bind }}
}

func wrongCondition(why string) Condition { return Condition{wrong: why} }

// mistake returns what is wrong with the condition, or "".
func (c Condition) mistake() string {
	if c.wrong == "" && c.use == nil {
		return "a condition that is the zero value"
	}
	return c.wrong
}

// ClientIn holds for clients in one of the networks: addresses such as
// "192.0.2.1", or networks such as "10.0.0.0/8" and "2001:db8::/32". Mail that
// came by no network is in none. It is known from Connect on, and adds the macro
// {client_addr} of Connect to the plan.
func ClientIn(networks ...string) Condition {
	var list []netip.Prefix
	for _, text := range networks {
		p, err := parseNetwork(text)
		if err != nil {
			return wrongCondition("ClientIn: " + err.Error())
		}
		list = append(list, p)
	}
	by := Key{stage: framework.StageConnect, macro: "client_addr", event: clientOf, value: verbatim}
	return stateless(func(rt *framework.Route) evaluation {
		value := by.bind(rt)
		return func(s *framework.Session, ev framework.Event) (truth, error) {
			addr, ok := parseAddr(value(s, ev))
			return truthOf(ok && slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })), nil
		}
	})
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return addr.Prefix(addr.BitLen())
}

// Authenticated holds for clients that logged in. It is known from Mail on, and
// adds the macro {auth_authen} of Mail to the plan.
func Authenticated() Condition {
	return keyed(ByAuthUser(), func(user string) bool { return user != "" })
}

// SenderIn holds for senders in one of the domains. A domain that begins with a
// dot stands for all below it, such as ".example.org" for a.example.org; "" is
// that of a bounce. It is known from Mail on, and adds the macro {mail_addr} of
// Mail to the plan.
func SenderIn(domains ...string) Condition {
	in := domainsIn(domains)
	return keyed(BySenderDomain(), in)
}

// keyed is a condition on the value of a key.
func keyed(by Key, holds func(value string) bool) Condition {
	return stateless(func(rt *framework.Route) evaluation {
		if rt.Stage() < by.stage {
			return notYet
		}
		value := by.bind(rt)
		return func(s *framework.Session, ev framework.Event) (truth, error) {
			return truthOf(holds(value(s, ev))), nil
		}
	})
}

// RecipientIn holds, at Rcpt, for recipients in one of the domains, which are
// given as for [SenderIn]; and after that for messages that have one. It is
// known from Rcpt on. The envelope is made with [framework.Router.WantEnvelope],
// which is what this adds to the plan.
func RecipientIn(envelope framework.KeptEnvelope, domains ...string) Condition {
	in := domainsIn(domains)
	matches := func(addr string) bool { return in(strings.ToLower(domainOf(addr))) }
	c := stateless(func(rt *framework.Route) evaluation {
		switch stage := rt.Stage(); {
		case stage < framework.StageRcpt:
			return notYet
		case stage == framework.StageRcpt:
			return func(_ *framework.Session, ev framework.Event) (truth, error) {
				addr, _ := rcptOf(ev)
				return truthOf(matches(addr)), nil
			}
		}
		return func(s *framework.Session, _ framework.Event) (truth, error) {
			return truthOf(slices.ContainsFunc(envelope.Recipients(s), matches)), nil
		}
	})
	c.each = true
	return c
}

// rcptOf returns the recipient, be it refused already.
func rcptOf(ev framework.Event) (string, bool) {
	if e, ok := ev.(*framework.RejectedRcpt); ok {
		return e.Recipient(), true
	}
	return recipientOf(ev)
}

func domainsIn(domains []string) func(domain string) bool {
	list := make([]string, len(domains))
	for i, d := range domains {
		list[i] = strings.TrimSuffix(strings.ToLower(d), ".")
	}
	return func(domain string) bool {
		return slices.ContainsFunc(list, func(d string) bool {
			return d == domain || strings.HasPrefix(d, ".") && strings.HasSuffix(domain, d)
		})
	}
}
