package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/ledger"
)

// A field has the name that it was renamed to, in any case, and no other. To ask does not
// allocate.
func TestHasName(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the allocations of all goroutines
	var l ledger.Ledger
	from, subject := l.Show([]byte("From"), []byte(" a")), l.Show([]byte("Subject"), []byte(" b"))
	l.Rename(subject, "X-Subject")
	for _, c := range []struct {
		id   ledger.ID
		name string
		want bool
	}{
		{from, "From", true},
		{from, "FROM", true},
		{from, "Fro", false},
		{from, "", false},
		{subject, "Subject", false},
		{subject, "x-subject", true},
	} {
		assert.Equal(t, c.want, l.HasName(c.id, c.name), c.name)
	}
	assert.Zero(t, testing.AllocsPerRun(10, func() { l.HasName(from, "from") }))
}
