package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The header that the rules work on counts against the server's memory budget, beside
// the one that the framework keeps. A message that does not fit is refused for now.
func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	const fields, size = 200, 500
	msg := miltertest.Message("From: a@example.org\n" + strings.Repeat("X-Field: "+strings.Repeat("x", size)+"\n", fields) + "\nhello\n")
	for name, c := range map[string]struct {
		budget int64
		lane   framework.LaneOption
		want   string
		edits  int
	}{
		"enough for one":   {fields * size * 3 / 2, framework.FailClosed(), "452 4.3.1 the mail filter is short of storage, try again later", 0},
		"left out instead": {fields * size * 3 / 2, framework.FailOpen(), "", 0},
		"enough for both":  {fields * size * 4, framework.FailClosed(), "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter := parsed(t, `{"rules": [{"when": {"present": "X-Field"}, "do": [{"add": {"name": "X-Seen", "value": "yes"}}]}]}`)
			res := miltertest.Run(t, filter, msg, miltertest.Lane(c.lane),
				miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = c.budget }))
			assert.Equal(t, c.want, res.Reply())
			assert.Len(t, res.Modifications, c.edits)
		})
	}
}
