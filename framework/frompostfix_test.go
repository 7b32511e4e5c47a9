package framework_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// macros makes macros of names and values.
func macros(pairs ...string) (list []mta.Macro) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, mta.Macro{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

// The framework tells Postfix and Sendmail apart by signs that do not depend on
// the name that an administrator gives Postfix. How a field is appended shows what
// the framework took the MTA for.
func TestPostfixIsKnown(t *testing.T) {
	t.Parallel()
	const postfix, sendmail = "SMFIR_ADDHEADER", "SMFIR_INSHEADER 1048576"
	named := func(v string) []mta.Macro {
		return macros("j", "mx", "{daemon_name}", "mx", "{daemon_addr}", "192.0.2.25", "v", v, "_", "host [192.0.2.1]")
	}
	for name, c := range map[string]struct {
		who      miltertest.Personality
		macros   []mta.Macro // of CONNECT
		shown    bool        // whether the filter gets the header
		appended string
	}{
		"its name":                          {miltertest.Postfix(), macros("v", "Postfix 3.7"), false, postfix},
		"another name":                      {miltertest.Postfix(), named("Postcow 3.7"), false, postfix},
		"another name, the header shown":    {miltertest.Postfix(), named("Postcow 3.7"), true, postfix},
		"a version of Sendmail":             {miltertest.Postfix(), named("8.18.1"), false, postfix},
		"a version of Sendmail, shown":      {miltertest.Postfix(), named("8.18.1"), true, postfix},
		"a hidden name":                     {miltertest.Postfix(), named("")[:3], false, postfix},
		"local mail, another name":          {miltertest.Postfix(), macros("j", "mx", "v", "Postcow"), false, postfix},
		"local mail, a version of Sendmail": {miltertest.Postfix(), macros("j", "mx", "v", "8.18.1"), false, postfix},
		"a default of if_addr, shown":       {miltertest.Postfix(), macros("{if_addr}", "192.0.2.25"), true, postfix},
		"no macros, the header shown":       {miltertest.Postfix(), nil, true, postfix},
		"no macros, nothing shown":          {miltertest.Postfix(), nil, false, postfix},
		"Sendmail":                          {miltertest.Sendmail(), nil, true, sendmail},
		"Sendmail, nothing shown":           {miltertest.Sendmail(), nil, false, sendmail},
		"Sendmail, its usual macros":        {miltertest.Sendmail(), macros("j", "mx", "{daemon_name}", "MTA", "{if_name}", "mx"), false, sendmail},
		"Sendmail, more macros":             {miltertest.Sendmail(), append(named("8.17.1"), macros("{if_name}", "mx")...), false, sendmail},
		"Sendmail that sends v":             {miltertest.Sendmail(), macros("v", "8.17.1"), false, sendmail},
		"Sendmail with macros of Postfix":   {miltertest.Sendmail(), named("8.17.1"), true, sendmail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
				if c.shown {
					r.WantHeaders()
				}
				appendX(r)
				return nil
			})
			msg := miltertest.Message("A: 1\nB: 2\n\nbody\n")
			msg.Macros = map[wire.MacroStage][]mta.Macro{wire.MacroConnect: c.macros, wire.MacroEOH: nil}
			res := miltertest.Run(t, filter, msg, miltertest.As(c.who))
			assert.Equal(t, c.appended+` "X" "x"`, res.Modifications[0].String())
		})
	}
}

// appendX appends a field.
func appendX(r *framework.Router) {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X", "x")
	})
}

// If a filter chooses the macros of CONNECT, the framework adds a macro that
// only Sendmail has.
func TestPostfixIsKnownByWhatIsAsked(t *testing.T) {
	t.Parallel()
	for who, appended := range map[*miltertest.Personality]string{
		new(miltertest.Postfix()):                     "SMFIR_ADDHEADER",
		new(miltertest.Postfix().With(mta.OtherName)): "SMFIR_ADDHEADER",
		new(miltertest.Sendmail()):                    "SMFIR_INSHEADER 1048576",
	} {
		filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
			r.WantMacro(framework.StageConnect, "client_addr")
			appendX(r)
			return nil
		})
		res := miltertest.Run(t, filter, miltertest.Message("A: 1\nB: 2\n\nbody\n"), miltertest.As(*who))
		assert.Equal(t, appended+` "X" "x"`, res.Modifications[0].String(), who.Name)
	}
}

// Postfix gets progress reports from CONNECT on, whatever its name is. Sendmail
// gets none before the end of a message.
func TestProgressByMTA(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		who  miltertest.Personality
		want bool
	}{
		"Postfix":      {miltertest.Postfix(), true},
		"another name": {miltertest.Postfix().With(mta.OtherName), true},
		"Sendmail":     {miltertest.Sendmail(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				for _, twin := range stageTwins()[:4] { // Connect, Helo, Mail, Rcpt
					twin.on(r, func(*framework.Session) (framework.Verdict, error) {
						time.Sleep(20 * time.Second)
						return framework.Continue, nil
					})
				}
				conn := miltertest.NewRouterServer(t, r, miltertest.Configure(production), miltertest.As(c.who)).Dial(t)
				_, err := conn.Send(t.Context(), miltertest.Message("A: 1\n\n"))
				require.NoError(t, err)
				const report = "FLT SMFIR_PROGRESS\n"
				for _, stage := range []string{"CONNECT", "HELO", "MAIL", "RCPT"} {
					_, after, found := strings.Cut(conn.Transcript(), "MTA SMFIC_"+stage+" ")
					require.True(t, found)
					_, after, _ = strings.Cut(after, "\n")
					assert.Equal(t, c.want, strings.HasPrefix(after, report), stage)
				}
			})
		})
	}
}
