package framework_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestRecipientEdits changes the recipients of a message to Bob@example.net and
// two others. A recipient is added once, and deleted as the client spelled it. One that the
// client named is deleted before it is added, because another milter may have refused it.
func TestRecipientEdits(t *testing.T) {
	t.Parallel()
	add := func(addr string) headerEdit {
		return func(s *framework.Session, g grants) error { return g.rcpt.Add(s, addr) }
	}
	with := func(addr string, args ...string) headerEdit {
		return func(s *framework.Session, g grants) error { return g.rcptArgs.Add(s, addr, args...) }
	}
	remove := func(addr string) headerEdit {
		return func(s *framework.Session, g grants) error { return g.unrcpt.Delete(s, addr) }
	}
	const bob = "<Bob@example.net>"
	for name, tt := range map[string]struct {
		edits []headerEdit
		want  string
	}{
		"one that is there":          {[]headerEdit{add(bob)}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT "<Bob@example.net>"`},
		"without brackets":           {[]headerEdit{add("Bob@example.net")}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT "<Bob@example.net>"`},
		"another case, domain":       {[]headerEdit{add("<Bob@EXAMPLE.net>")}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT "<Bob@example.net>"`},
		"quoted":                     {[]headerEdit{add(`"Bob"@example.net`)}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT "<Bob@example.net>"`},
		"another case, local part":   {[]headerEdit{add("bob@example.net")}, `SMFIR_ADDRCPT "bob@example.net"`},
		"quoted by the client":       {[]headerEdit{add(`<"ann smith"@Example.net>`)}, `SMFIR_DELRCPT "<\"ann smith\"@example.net>"; SMFIR_ADDRCPT "<\"ann smith\"@example.net>"`},
		"with arguments":             {[]headerEdit{with(bob, "NOTIFY=NEVER")}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT_PAR "<Bob@example.net>" "NOTIFY=NEVER"`},
		"a new one":                  {[]headerEdit{add("new@x")}, `SMFIR_ADDRCPT "new@x"`},
		"a new one twice":            {[]headerEdit{with("new@x", "NOTIFY=NEVER"), add("<new@X>")}, `SMFIR_ADDRCPT_PAR "new@x" "NOTIFY=NEVER"`},
		"a new one, deleted":         {[]headerEdit{add("new@x"), remove("<new@X>")}, `SMFIR_DELRCPT "<new@X>"`},
		"deleted":                    {[]headerEdit{remove(bob)}, `SMFIR_DELRCPT "<Bob@example.net>"`},
		"deleted, spelled otherwise": {[]headerEdit{remove(`"Bob"@EXAMPLE.NET`)}, `SMFIR_DELRCPT "<Bob@example.net>"`},
		"deleted twice":              {[]headerEdit{remove(bob), remove("Bob@example.net")}, `SMFIR_DELRCPT "<Bob@example.net>"`},
		"deleted and added":          {[]headerEdit{remove(bob), add("Bob@example.net")}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT "Bob@example.net"`},
		"deleted, added twice":       {[]headerEdit{remove(bob), add(bob), add(bob)}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT "<Bob@example.net>"`},
		"deleted, added, deleted":    {[]headerEdit{remove(bob), add(bob), remove(bob)}, `SMFIR_DELRCPT "<Bob@example.net>"`},
		"added, deleted":             {[]headerEdit{add(bob), remove(bob)}, `SMFIR_DELRCPT "<Bob@example.net>"`},
		"one that is there, twice":   {[]headerEdit{add(bob), add("Bob@example.net")}, `SMFIR_DELRCPT "<Bob@example.net>"; SMFIR_ADDRCPT "<Bob@example.net>"`},
		"that is there, deleted":     {[]headerEdit{add(bob), remove(bob)}, `SMFIR_DELRCPT "<Bob@example.net>"`},
		"one that is not there":      {[]headerEdit{remove("nobody@x"), remove("nobody@x")}, `SMFIR_DELRCPT "nobody@x"`},
		"one that a filter refused":  {[]headerEdit{add("refused@example.net")}, `SMFIR_ADDRCPT "refused@example.net"`},
	} {
		for beside, mount := range company {
			for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
				t.Run(name+", "+beside+", on "+p.Name, func(t *testing.T) {
					t.Parallel()
					one, lanes := framework.NewRouter(), framework.NewRouter()
					for _, r := range []*framework.Router{one, lanes} {
						r.Mount(miltertest.FilterFunc("refusing", func(r *framework.Router) error {
							r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
								if e.Recipient() == "refused@example.net" {
									return framework.Reject, nil
								}
								return framework.Continue, nil
							})
							return nil
						}))
					}
					mount(one, miltertest.FilterFunc("f", editor("end of message", inOrder(tt.edits))))
					for i, edit := range tt.edits {
						lanes.Mount(miltertest.FilterFunc(string(rune('a'+i)), editor("mail", edit)))
					}
					for name, r := range map[string]*framework.Router{"one filter": one, "a filter for each edit": lanes} {
						res := miltertest.RunRouter(t, r, miltertest.Message("A: 1\n\nbody\n",
							miltertest.To("Bob@example.net", "refused@example.net", `"ann smith"@example.net`)), miltertest.As(p))
						var got []string
						for _, m := range res.Modifications {
							if text := m.String(); strings.Contains(text, "RCPT") {
								got = append(got, text)
							}
						}
						assert.Equal(t, tt.want, strings.Join(got, "; "), name)
					}
				})
			}
		}
	}
}

// A later filter sees the recipients with the edits, and the result of the
// message counts those that were sent.
func TestRecipientsSeenLater(t *testing.T) {
	t.Parallel()
	var seen []string
	sent := map[string]int{}
	r := framework.NewRouter()
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.AfterMessage(func(_ *framework.Session, m *framework.MessageResult) { maps.Insert(sent, m.Modifications()) })
		return next
	})
	r.Mount(miltertest.FilterFunc("first", editor("end of message", func(s *framework.Session, g grants) error {
		return errors.Join(g.unrcpt.Delete(s, "a@EXAMPLE.net"), g.rcpt.Add(s, "b@example.net"), g.rcpt.Add(s, "<c@example.net>"), g.rcpt.Add(s, "c@example.net"))
	})))
	r.Mount(miltertest.FilterFunc("second", func(r *framework.Router) error {
		envelope := r.WantEnvelope()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			seen = envelope.Recipients(s)
			return framework.Continue, nil
		})
		return nil
	}))
	srv := miltertest.NewRouterServer(t, r)
	res := srv.Dial(t).Run(t, miltertest.Message("A: 1\n\nbody\n", miltertest.To("a@example.net", "b@example.net")))
	res.AssertAccepted(t)
	srv.Close(t)
	assert.Equal(t, []string{"b@example.net", "c@example.net"}, seen)
	assert.Equal(t, map[string]int{"delrcpt": 2, "addrcpt": 2}, sent)
	line, ok := res.Logs.Find("recipients added twice by one filter")
	require.True(t, ok, res.Logs)
	filter, _ := miltertest.LogAttr(line, "filter")
	count, _ := miltertest.LogAttr(line, "count")
	assert.Equal(t, "first 1", filter.String()+" "+count.String())
}
