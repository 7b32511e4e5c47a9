package middleware

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Condition is a condition on messages: see [When]. The zero Condition is a
// mistake. A Condition may be used several times.
type Condition struct {
	// use starts one use of the condition, with separate state. The caller
	// calls the returned function once for each route.
	use func() func(rt *framework.Route) evaluation
	// perRcpt says that at Rcpt the condition applies to the recipient.
	perRcpt bool
	from    knownFrom
	err     error // why the condition cannot be used, or nil
}

// evaluation evaluates a condition at one route.
type evaluation = func(s *framework.Session, ev framework.Event) (truth, error)

// truth is the value of a condition, which may not be known yet.
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

// knownFrom holds the first stages at which a condition can be known to hold, and not to
// hold.
type knownFrom struct{ yes, no framework.Stage }

func notYet(*framework.Session, framework.Event) (truth, error) { return unknown, nil }

// stateless returns a condition whose uses have no state. It is known from a stage on.
func stateless(from framework.Stage, bind func(rt *framework.Route) evaluation) Condition {
	return Condition{from: knownFrom{from, from}, use: func() func(rt *framework.Route) evaluation { return bind }}
}

func invalidCondition(err error) Condition { return Condition{err: err} }

// check returns an error if the condition cannot be used.
func (c Condition) check() error {
	if c.err == nil && c.use == nil {
		return errors.New("Condition is the zero value; want one such as Authenticated()")
	}
	return c.err
}

// ClientIn holds for clients in one of the networks. A network is an address
// such as "192.0.2.1", or a prefix such as "10.0.0.0/8" or "2001:db8::/32".
// ClientIn does not hold for local mail. It is known from Connect on, and adds
// the macro {client_addr} at Connect to the plan.
func ClientIn(networks ...string) Condition {
	var list []netip.Prefix
	for _, text := range networks {
		p, err := parseNetwork(text)
		if err != nil {
			return invalidCondition(fmt.Errorf("ClientIn: %w", err))
		}
		list = append(list, p)
	}
	by := Key{stage: framework.StageConnect, macro: "client_addr", event: clientOf, value: verbatim}
	return stateless(by.stage, func(rt *framework.Route) evaluation {
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

// Authenticated holds for clients that authenticated. It is known from Mail on,
// and adds the macro {auth_authen} at Mail to the plan.
func Authenticated() Condition {
	return keyed(ByAuthUser(), func(user string) bool { return user != "" })
}

// SenderIn holds for senders in one of the domains. A domain with a leading dot
// stands for its subdomains: ".example.org" matches a.example.org, and not
// example.org. The domain "" matches bounces. SenderIn is known from Mail on, and
// adds the macro {mail_addr} at Mail to the plan.
func SenderIn(domains ...string) Condition {
	in := domainsIn(domains)
	return keyed(BySenderDomain(), in)
}

// keyed returns a condition on the value of a key.
func keyed(by Key, holds func(value string) bool) Condition {
	return stateless(by.stage, func(rt *framework.Route) evaluation {
		if rt.Stage() < by.stage {
			return notYet
		}
		value := by.bind(rt)
		return func(s *framework.Session, ev framework.Event) (truth, error) {
			return truthOf(holds(value(s, ev))), nil
		}
	})
}

// RecipientIn holds at Rcpt for a recipient in one of the domains, and at later
// stages for a message with such a recipient. The domains have the form of
// those of [SenderIn]. It is known from Rcpt on. The caller gets the envelope
// from [framework.Router.WantEnvelope], which adds the envelope's stages to the
// plan.
func RecipientIn(envelope framework.KeptEnvelope, domains ...string) Condition {
	in := domainsIn(domains)
	matches := func(addr string) bool { return in(strings.ToLower(domainOf(addr))) }
	c := stateless(framework.StageRcpt, func(rt *framework.Route) evaluation {
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
	c.perRcpt = true
	return c
}

// rcptOf returns the recipient of an Rcpt or a RejectedRcpt event.
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
