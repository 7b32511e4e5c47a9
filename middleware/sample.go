package middleware

import (
	"hash/fnv"

	"github.com/sluicemail/sluice/framework"
)

// Sample has a share of the messages, from 0 to 1, go through the handlers that
// it wraps, as [When] does: to try a filter on little mail, for example. The
// rest passes them by. It is When([Share](share, by)).
func Sample(share float64, by Key) framework.Middleware { return When(Share(share, by)) }

// Share holds for a share of the values of a key, from 0 to 1. Which they are
// is settled by a hash of the value: a message that is sent once more, another
// filter, another process and another day come to the same, and a larger share
// contains a smaller one.
//
// By [ByQueueID] it is a share of the messages, known from Data on. By
// [BySender] or [ByClient] it is a share of the senders or clients, each with
// all of its messages, and so only roughly that share of the mail. Messages
// without such a key count as those of one sender. [ByRecipient] and
// [ByRecipientDomain] cannot be used.
//
// It adds to the plan the key's macro, as [RateLimit] does.
func Share(share float64, by Key) Condition {
	if by.wrong != "" {
		return wrongCondition("Share: " + by.wrong)
	}
	if !(share >= 0 && share <= 1) || by.value == nil || by.macro == "" {
		return wrongCondition("Share: of a share that is not between 0 and 1, or by a key that cannot be used")
	}
	limit := uint64(share * (1 << 53))
	return stateless(func(rt *framework.Route) evaluation {
		if rt.Stage() < by.stage {
			return notYet
		}
		value := by.bind(rt)
		return func(s *framework.Session, ev framework.Event) (truth, error) {
			return truthOf(hashOf(value(s, ev))>>11 < limit), nil
		}
	})
}

// hashOf returns a hash of a text that is spread evenly over all numbers: FNV
// does not do that by itself for texts as alike as addresses, so that its bits
// are mixed once more (as in MurmurHash3).
func hashOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
