package deadline

import (
	"context"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// key is the key of the deadline among the values of a message's context.
type key struct{}

// Set sets the deadline of the open message. Lookups that have begun keep theirs.
func Set(s *framework.Session, at time.Time) { s.SetContextValue(key{}, at) }

// Context returns a context that ends after a time, or at the deadline of the message if that
// is earlier.
func Context(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	own := time.Now().Add(limit)
	if at, ok := ctx.Value(key{}).(time.Time); ok && at.Before(own) {
		own = at
	}
	return context.WithDeadline(ctx, own)
}
