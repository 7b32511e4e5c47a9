package resolver_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// lastRecord is a Recorder that keeps the last recording.
type lastRecord []byte

// RecordLimits implements framework.Recorder.
func (*lastRecord) RecordLimits() framework.RecordLimits {
	return framework.RecordLimits{Bytes: 1 << 20}
}

// Record implements framework.Recorder.
func (r *lastRecord) Record(rec *framework.Recording) { *r = bytes.Clone(rec.Bytes) }

// A recording of a message has the lookups, those that failed and those from the cache, too.
// Config.Observe has the same.
func TestRecorded(t *testing.T) {
	t.Parallel()
	r, trace := traced(t, resolver.Config{}, tracedZone)
	filter := miltertest.FilterFunc("looks up", func(rt *framework.Router) error {
		rt.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			for _, name := range []string{"example.org.", "nothing.example.org", "EXAMPLE.org"} {
				_, _ = r.Lookup(s.Context(), name, resolver.TypeMX)
			}
			return framework.Continue, nil
		})
		return nil
	})
	var rec lastRecord
	miltertest.Run(t, filter, miltertest.Message("A: b\n\nc\n"),
		miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = &rec }))
	m, err := record.Decode(rec)
	require.NoError(t, err)
	require.Len(t, m.Notes, 3)
	for i, want := range []string{
		"example.org MX: 10 mx.example.org, 20 mx2.example.org (network)",
		"nothing.example.org MX (network)",
		"example.org MX: 10 mx.example.org, 20 mx2.example.org (cache)",
	} {
		n := m.Notes[i]
		assert.Equal(t, []string{"dns", "looks up", want}, []string{n.Kind, n.Filter, n.Text})
		assert.Equal(t, i == 1, n.Error != "", n.Error)
	}
	list, _ := trace.Lookups()
	assert.Len(t, list, 3)
}

// Without a recording nothing is told, and nothing is made up for it.
//
//nolint:paralleltest // memory is counted for the whole process
func TestNotRecordedAllocs(t *testing.T) {
	r := resolvertest.New(t, tracedZone)
	_, err := r.Lookup(t.Context(), "example.org", resolver.TypeMX)
	require.NoError(t, err)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, _ = r.Lookup(t.Context(), "example.org", resolver.TypeMX)
	}), 1.0)
}
