package miltertest_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

const poison = 0xDB

// A filter that retains lent bytes finds 0xDB instead at the end of the
// message. A copy that it made is unchanged.
func TestLentBytesArePoisoned(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		keep func(r *framework.Router, kept, copied *[]byte)
	}{
		{"OnBody", func(r *framework.Router, kept, copied *[]byte) {
			r.OnBody(func(_ *session, b *framework.Body) (framework.Verdict, error) {
				*kept, *copied = b.Chunk(), bytes.Clone(b.Chunk())
				return framework.Continue, nil
			})
		}},
		{"ObserveBody", func(r *framework.Router, kept, copied *[]byte) {
			r.ObserveBody(func(_ *session, b *framework.Body) error {
				*kept, *copied = b.Chunk(), bytes.Clone(b.Chunk())
				return nil
			})
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var kept, copied []byte
			filter := miltertest.FilterFunc("keeper", func(r *framework.Router) error {
				tc.keep(r, &kept, &copied)
				r.OnEndOfMessage(func(*session, *endOfMessage) (framework.Verdict, error) {
					assert.Equal(t, "How are you?\r\n", string(copied))
					assert.Equal(t, bytes.Repeat([]byte{poison}, len(copied)), kept)
					return framework.Continue, nil
				})
				return nil
			})
			miltertest.Run(t, filter, miltertest.Message(plain)).AssertUnmodified(t)
			assert.NotEmpty(t, copied)
		})
	}
}

// Events are lent, too. Their strings may be retained.
func TestLentEventsArePoisoned(t *testing.T) {
	t.Parallel()
	filter := miltertest.FilterFunc("keeper", func(r *framework.Router) error {
		var kept *framework.Mail
		var sender string
		r.ObserveMail(func(_ *session, m *framework.Mail) error {
			kept, sender = m, m.Raw()
			return nil
		})
		r.OnEndOfMessage(func(*session, *endOfMessage) (framework.Verdict, error) {
			assert.Equal(t, "<sender@example.org>", sender)
			assert.Equal(t, string(bytes.Repeat([]byte{poison}, len(sender))), kept.Raw())
			return framework.Continue, nil
		})
		return nil
	})
	miltertest.Run(t, filter, miltertest.Message(plain)).AssertAccepted(t)
}

// If the body is replayed to a lane, because an earlier lane may replace it,
// its chunks are lent in the same way.
func TestReplayedBytesArePoisoned(t *testing.T) {
	t.Parallel()
	for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
		r := framework.NewRouter()
		r.Mount(editor())
		var kept, copied []byte
		r.Mount(miltertest.FilterFunc("keeper", func(r *framework.Router) error {
			r.ObserveBody(func(_ *session, b *framework.Body) error {
				kept, copied = b.Chunk(), bytes.Clone(b.Chunk())
				return nil
			})
			r.OnEndOfMessage(func(*session, *endOfMessage) (framework.Verdict, error) {
				assert.Equal(t, "Fine.\r\n", string(copied))
				assert.Equal(t, bytes.Repeat([]byte{poison}, len(copied)), kept)
				return framework.Continue, nil
			})
			return nil
		}))
		miltertest.RunRouter(t, r, miltertest.Message(plain), miltertest.As(p)).AssertAccepted(t)
		assert.NotEmpty(t, copied)
	}
}
