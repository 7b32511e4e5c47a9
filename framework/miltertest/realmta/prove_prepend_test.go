//go:build integration

package realmta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProvePrepend shows what a filter is shown, and what an index means, if Postfix
// itself prepends a field by an access table. Postfix puts such a field above its own
// Received.
func TestProvePrepend(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
		"smtpd_recipient_restrictions": "check_recipient_access inline:{{example.test = PREPEND A: p}}",
	}})
	tests := []struct {
		name string
		edit wire.Reply
		want string
	}{
		{"change 1", change(1, "A", "x"), "A:x - A:1 B:2 A:3"},
		{"change 2", change(2, "A", "x"), "A:p - A:x B:2 A:3"},
		{"change B", change(1, "B", "x"), "A:p - A:1 B:x A:3"},
		{"delete 1", remove(1, "A"), "- A:1 B:2 A:3"},
		{"delete 2", remove(2, "A"), "A:p - B:2 A:3"},
		{"insert at 0", insert(0, "X", "y"), "X:y A:p - A:1 B:2 A:3"},
		{"insert at 1", insert(1, "X", "y"), "A:p X:y - A:1 B:2 A:3"},
		{"insert at 2", insert(2, "X", "y"), "A:p - X:y A:1 B:2 A:3"},
		{"change Received", change(1, "Received", "x"), "A:p - A:1 B:2 A:3 Received:x"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, editedBy(t, mta, threeFields, tt.edit), tt.name)
	}
	var shown []string
	for _, line := range oneMessage(t, mta, milter{}) {
		if field, ok := strings.CutPrefix(line, "MTA SMFIC_HEADER "); ok {
			shown = append(shown, field)
		}
	}
	assert.Equal(t, []string{`"A" "p"`, `"From" "a@example.org"`, `"Subject" "s"`}, shown)
}
