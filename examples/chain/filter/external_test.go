package filter_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/chain/filter"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestExternal(t *testing.T) {
	t.Parallel()
	login := map[wire.MacroStage][]mta.Macro{wire.MacroEnvFrom: {{Name: "{auth_authen}", Value: "ann"}}}
	for _, tc := range []struct {
		name   string
		value  string
		macros map[wire.MacroStage][]mta.Macro
		want   string
	}{
		{"from outside", " hello", nil, " [external] hello"},
		{"folded", "\n\thello", nil, " [external] \n\thello"},
		{"tagged before", " [external] hello", nil, " [external] hello"},
		{"from a user", " hello", login, " hello"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, filter.External{}, &mta.Message{
				Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}}, ExtraMacros: tc.macros,
				Header: []mta.Field{{Name: "Subject", Value: tc.value}},
			})
			require.NotNil(t, res.Edited)
			assert.Equal(t, []mta.Field{{Name: "Subject", Value: tc.want}}, res.Edited.Header)
		})
	}
}

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	miltertest.TestFilter(t, filter.External{}, miltertest.Messages(&mta.Message{
		Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}}, Header: []mta.Field{{Name: "Subject", Value: " hello"}},
	}))
}
