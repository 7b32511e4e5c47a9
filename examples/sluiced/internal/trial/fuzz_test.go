package trial_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/wire/mta"
)

// FuzzRun runs any message through a filter that changes nothing. What the filter sees is what
// is delivered.
func FuzzRun(f *testing.F) {
	for _, text := range texts() {
		f.Add(text[:min(len(text), 500)], false)
	}
	f.Add("A: b\x00c\n d\x00\n\x00: e\n\n\x00", true)
	f.Add("From ann\n>From bob\nA: b\r\r\n\rc\n\n", true)
	f.Fuzz(func(t *testing.T, text string, sendmail bool) {
		flavor := mta.Postfix
		if sendmail {
			flavor = mta.Sendmail
		}
		var got seen
		result, err := trial.Run(t.Context(), router(observe(&got)), config(flavor), letter(text))
		require.NoError(t, err)
		assert.Equal(t, trial.Accept, result.Action)
		assert.True(t, result.Edits.None())
		assert.Equal(t, strings.Join(got.header, "|"), joined(result.Header))
		total := 0
		for _, n := range got.chunks {
			total += n
		}
		assert.Len(t, result.Body, total)
	})
}
