package miltertest_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestLogsKeepAttributes(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, atEnd(func(s *session) (framework.Verdict, error) {
		log := s.Logger().With("one", 1).WithGroup("group").With("two", 2)
		log.Debug("said", "three", 3)
		log.Warn("said again")
		return framework.Continue, errors.New("broken")
	}), miltertest.Message(plain))

	rec, ok := res.Logs.Find("said")
	require.True(t, ok)
	assert.Equal(t, slog.LevelDebug, rec.Level)
	assert.False(t, rec.Time.IsZero())
	one, ok := miltertest.LogAttr(rec, "one")
	assert.True(t, ok)
	assert.Equal(t, int64(1), one.Int64())
	group, ok := miltertest.LogAttr(rec, "group")
	assert.True(t, ok)
	assert.Equal(t, []slog.Attr{slog.Int("two", 2), slog.Int("three", 3)}, group.Group())
	peer, ok := miltertest.LogAttr(rec, "peer")
	assert.True(t, ok)
	assert.Equal(t, "memory:mta", peer.String())

	_, ok = miltertest.LogAttr(rec, "two")
	assert.False(t, ok, "it is in the group")
	_, ok = res.Logs.Find("never said")
	assert.False(t, ok)

	text := res.Logs.String()
	assert.Contains(t, text, "DEBUG said session=")
	assert.Contains(t, text, "one=1 group=[two=2 three=3]\n")
	assert.Contains(t, text, "WARN said again")
	assert.Contains(t, text, "ERROR handler failed")
}
