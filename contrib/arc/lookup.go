package arc

import (
	"context"
	"errors"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/internal/beside"
	"github.com/sluicemail/sluice/contrib/internal/deadline"
	"github.com/sluicemail/sluice/contrib/resolver"
)

// keyName is the name of key records.
type keyName struct{ selector, domain string }

// keyAnswer is what the DNS answered about a name.
type keyAnswer struct {
	records []*dkim.Record
	err     error
}

// answers are the answers about the names of a chain.
type answers map[keyName]keyAnswer

// maxKeys limits the names that are looked up for a chain. The newest ARC-Message-Signature and
// 50 seals need 51. The rest is for [Result.OldestPass]: older sealers usually have one key.
const maxKeys = 60

// names returns the names of the keys that the chain needs, without repetitions, the most
// important first. There are none if the result is known without them.
func (m *verification) names() []keyName {
	c := m.chain
	if !c.exists || c.problem != "" {
		return nil
	}
	var names []keyName
	seen := make(map[keyName]bool)
	add := func(s *signature) {
		if n := (keyName{s.selector, s.domain}); !seen[n] && len(names) < maxKeys {
			seen[n] = true
			names = append(names, n)
		}
	}
	add(m.newest)
	for i := c.highest; i > 0; i-- {
		add(c.sets[i-1].seal)
	}
	for i := c.highest - 1; i > 0; i-- {
		if s, err := c.messageSignature(i); err == nil {
			add(s)
		}
	}
	return names
}

// lookUp looks up key records concurrently. With the Resolver of contrib/resolver, the budget
// bounds the lookups at the same time. lookUp uses nothing of the message, so that it may run
// longer.
func (v *rules) lookUp(ctx context.Context, names []keyName) answers {
	if len(names) == 0 {
		return nil
	}
	n := len(names)
	ctx, cancel := deadline.Context(resolver.WithBudget(ctx, resolver.NewBudget(n, n)), v.timeout)
	defer cancel()
	list := make([]keyAnswer, n)
	var keys beside.Group
	for i, name := range names {
		keys.Go(func() {
			list[i].records, list[i].err = v.records.LookupRecords(ctx, v.resolver, name.selector, name.domain)
		})
	}
	keys.Wait()
	found := make(answers, n)
	for i, name := range names {
		found[name] = list[i]
	}
	return found
}

// of returns the keys of a signature, or why it has none.
func (a answers) of(ctx context.Context, s *signature) ([]*dkim.Record, *failure) {
	answer, ok := a[keyName{s.selector, s.domain}]
	switch err := answer.err; {
	case ctx.Err() != nil:
		return nil, &failure{"was not verified in time", true}
	case !ok:
		return nil, &failure{reason: "was not verified: the chain has too many keys"}
	case errors.Is(err, dkim.ErrNoRecord):
		return nil, &failure{reason: "has no key record"}
	case errors.Is(err, dkim.ErrRevoked):
		return nil, &failure{reason: "has a key that is revoked"}
	case errors.Is(err, dkim.ErrRecord):
		return nil, &failure{reason: "has an unusable key record"}
	case err != nil:
		return nil, &failure{"was not verified: the DNS did not answer for its key", true}
	default:
		return answer.records, nil
	}
}
