package middleware

import (
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/sluicemail/sluice/framework"
)

// Sample runs the handlers for a share of the messages, between 0 and 1, and
// skips them for the others. It is useful to try a filter on some of the mail. It
// is short for [When]([Share](share, by)).
func Sample(share float64, by Key) framework.Middleware { return When(Share(share, by)) }

// Share holds for a share of a key's values, between 0 and 1. It selects values
// by their hash. The same value therefore gets the same result in every
// message, filter and process, and a larger share includes all values of a
// smaller one.
//
// With [ByQueueID] it selects that share of the messages; the result is known
// from Data on. With [BySender] or [ByClient] it selects that share of the
// senders or clients, with all their messages, which is only roughly the same
// share of the mail. Messages without a value, such as bounces for [BySender],
// all get the same result. [ByRecipient] and [ByRecipientDomain] cannot be
// used.
//
// It adds the key's macro to the plan, as [RateLimit] does.
func Share(share float64, by Key) Condition {
	switch err := by.check(); {
	case err != nil:
		return invalidCondition(fmt.Errorf("Share: %w", err))
	case !(share >= 0 && share <= 1):
		return invalidCondition(fmt.Errorf("Share: the share %v is not between 0 and 1", share))
	case by.macro == "":
		return invalidCondition(errors.New("Share: the key is of recipients; want one of messages"))
	}
	limit := uint64(share * (1 << 53))
	return stateless(by.stage, func(rt *framework.Route) evaluation {
		if rt.Stage() < by.stage {
			return notYet
		}
		value := by.bind(rt)
		return func(s *framework.Session, ev framework.Event) (truth, error) {
			return truthOf(hashOf(value(s, ev))>>11 < limit), nil
		}
	})
}

// hashOf returns a hash of a text. The hashes of similar texts, such as
// addresses, are not distributed evenly by FNV alone. The finalizer of
// MurmurHash3 mixes the bits again.
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
