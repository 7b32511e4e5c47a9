package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// The framework recognizes Postfix by the macro v, and by macros that precede
// header fields and body chunks. Sendmail, which numbers fields differently,
// has neither.
func TestPostfixIsKnown(t *testing.T) {
	t.Parallel()
	connect := func(m *mta.Message, macros ...mta.Macro) {
		m.Macros = map[wire.MacroStage][]mta.Macro{wire.MacroConnect: macros, wire.MacroEOH: nil}
	}
	for name, c := range map[string]struct {
		who    miltertest.Personality
		macros []mta.Macro
		shown  bool // whether the filter gets the header
		index  string
	}{
		"v":                         {miltertest.Postfix(), []mta.Macro{{Name: "v", Value: "Postfix 3.7"}}, false, "2"},
		"no v, the header shown":    {miltertest.Postfix(), nil, true, "2"},
		"no v, nothing shown":       {miltertest.Postfix(), nil, false, "9"},
		"Sendmail":                  {miltertest.Sendmail(), nil, true, "9"},
		"Sendmail that says it all": {miltertest.Sendmail(), []mta.Macro{{Name: "v", Value: "8.17.1"}}, true, "9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
				add := r.GrantAddHeader()
				if c.shown {
					r.WantHeaders()
				}
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, add.Insert(s, 1, "X", "x")
				})
				return nil
			})
			msg := miltertest.Message("A: 1\nB: 2\n\nbody\n")
			connect(msg, c.macros...)
			res := miltertest.Run(t, filter, msg, miltertest.As(c.who))
			assert.Equal(t, `SMFIR_INSHEADER `+c.index+` "X" "x"`, res.Modifications[0].String())
		})
	}
}
