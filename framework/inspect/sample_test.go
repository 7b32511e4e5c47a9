package inspect_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// What was refused, failed or was slow is always kept, and the record says why.
func TestSample(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error)
		want    record.Kept
	}{
		"accepted": {func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Accept, nil
		}, ""},
		"discarded": {func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Discard, nil
		}, record.KeptRefused},
		"refused": {func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Reject, nil
		}, record.KeptRefused},
		"failed": {func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.New("out of order")
		}, record.KeptFailed},
		"slow": {func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Accept, nil
		}, record.KeptSlow},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := time.Hour
			if tt.want == record.KeptSlow {
				slow = 1
			}
			in := newInspector(t, inspect.Config{Share: -1, Slow: slow})
			miltertest.Run(t, miltertest.FilterFunc("filter", func(r *framework.Router) error {
				r.OnEndOfMessage(tt.handler)
				return nil
			}), miltertest.Message("A: b\n\nc\n"), records(in))
			found := list(t, in, "")
			if tt.want == "" {
				assert.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.Equal(t, tt.want, found[0].Kept)
		})
	}
}

// A refused recipient counts as a refusal.
func TestSampleRecipients(t *testing.T) {
	t.Parallel()
	in := newInspector(t, inspect.Config{Share: -1})
	miltertest.Run(t, miltertest.FilterFunc("filter", func(r *framework.Router) error {
		r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			if e.Recipient() == "b@example.net" {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		return nil
	}), miltertest.Message("A: b\n\nc\n", miltertest.To("a@example.net", "b@example.net")), records(in))
	found := list(t, in, "")
	require.Len(t, found, 1)
	assert.Equal(t, record.KeptRefused, found[0].Kept)
	assert.Equal(t, record.StateAccepted, found[0].Outcome.State)
}

// About the share is kept of ordinary messages: 3 in 10, with a margin of 8 standard
// deviations.
func TestSampleShare(t *testing.T) {
	t.Parallel()
	in := newInspector(t, inspect.Config{Share: 0.3})
	rec := recordingOf(t, short)
	const messages = 10_000
	for range messages {
		in.Record(&rec)
	}
	seen, kept := counts(t, in)
	assert.EqualValues(t, messages, seen)
	assert.InDelta(t, 0.3*messages, kept, 8*46)
}
