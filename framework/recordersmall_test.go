package framework_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	recorded "github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The smallest record has the names of many filters, and short notes and verdicts.
func TestSmallestRecord(t *testing.T) {
	t.Parallel()
	k := &recorder{limits: framework.RecordLimits{Bytes: 32 << 10, Header: true}}
	const filters = 120
	notes := 1
	r := framework.NewRouter()
	for i := range filters {
		name := fmt.Sprintf("%03d-%s", i, strings.Repeat("n", 80))
		r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error {
			if i == filters-1 {
				r = r.With(asking((*framework.Route).DryRun))
			}
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				if i < filters-1 {
					return framework.Continue, nil
				}
				for range notes {
					framework.RecordNote(s.Context(), "dns", "TXT example.org", time.Now(), nil)
				}
				return framework.Reply(550, "5.7.1", "no")
			})
			return nil
		}))
	}
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"), k.option())
	m := k.only(t)
	require.Len(t, m.Filters, filters)
	require.Len(t, m.Notes, 1)
	assert.Equal(t, "TXT example.org", m.Notes[0].Text)
	assert.False(t, m.Cut)
	assert.Equal(t, recorded.StateAccepted, m.Outcome.State)
	assert.Equal(t, 550, m.Filters[filters-1].Verdict.Code, "of the dry run")

	k.recs, notes = nil, 10_000
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"), k.option())
	m = k.only(t)
	assert.True(t, m.Cut, "notes are missing, which the record says")
	assert.Less(t, len(m.Notes), notes)
}
