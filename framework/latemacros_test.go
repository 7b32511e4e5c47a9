package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Macros that come after the last verdict about a message belong to no later message.
func TestLateMacros(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]struct {
		of    wire.CommandCode
		list  []mta.Macro
		event string
	}{
		"of a recipient that the MTA refused": {wire.CmdRcpt, macros("{rcpt_mailer}", "error"), "R"},
		"of DATA":                             {wire.CmdData, macros("i", "OLD"), "T"},
		"of the end of the header":            {wire.CmdEOH, macros("i", "OLD"), "N"},
		"of the end of the message":           {wire.CmdBodyEOB, macros("i", "OLD"), "E"},
		"without an event":                    {wire.CmdRcpt, macros("{rcpt_mailer}", "error"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			var ids []string
			recipients, rejected := 0, 0
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				ids = append(ids, s.QueueID())
				return framework.Continue, nil
			})
			r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
				ids = append(ids, s.QueueID())
				recipients++
				return framework.Accept, nil
			})
			r.ObserveRejectedRcpt(func(*framework.Session, *framework.RejectedRcpt) error { rejected++; return nil })
			r.OnData(goesOn[*framework.Data])
			r.OnEndOfHeaders(goesOn[*framework.EndOfHeaders])
			conn := miltertest.NewRouterServer(t, r, miltertest.AllowWrongStages()).Dial(t)
			assert.Equal(t, "ccca", talk(t, conn, "CHMR"))
			require.NoError(t, conn.Macros(late.of, late.list))
			talk(t, conn, late.event)
			assert.Equal(t, "ca", talk(t, conn, "MR"))
			assert.Equal(t, []string{"", "", "", ""}, ids)
			assert.Equal(t, 2, recipients)
			assert.Zero(t, rejected)
		})
	}
}
