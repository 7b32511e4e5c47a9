package framework_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// editsAll is a filter that edits the content in each way, at a stage and once more at the end.
func editsAll(name string, verdict framework.Verdict) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		r.WantHeaders()
		r.WantBody()
		insert, change, body := r.GrantInsertHeader(), r.GrantChangeHeader(), r.GrantReplaceBody()
		var last framework.HeaderHandle
		edit := func(s *framework.Session) error {
			return errors.Join(
				insert.Append(s, "X-A", "secret"), insert.Prepend(s, "X-B", "secret"), insert.InsertTop(s, "X-C", "secret"),
				change.Change(s, framework.NthHeader("Subject", 1), "secret change"), change.Delete(s, last),
				body.Replace(s, []byte("secret text\r\n")), body.ReplaceFrom(s, strings.NewReader("secret stream\r\n")))
		}
		r.OnHeader(func(s *framework.Session, h *framework.Header) (framework.Verdict, error) {
			last = h.Handle()
			return framework.Continue, nil
		})
		r.ObserveBody(func(s *framework.Session, _ *framework.Body) error { return edit(s) })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return verdict, edit(s)
		})
		return nil
	})
}

// Without the header and the body, a record has nothing of them, whatever becomes of the edits.
func TestRecordWithoutContent(t *testing.T) {
	t.Parallel()
	for name, mount := range map[string]func(r *framework.Router){
		"applied":   func(r *framework.Router) { r.Mount(editsAll("edits", framework.Continue)) },
		"refused":   func(r *framework.Router) { r.Mount(editsAll("edits", framework.Reject)) },
		"a dry run": func(r *framework.Router) { r.Mount(editsAll("edits", framework.Reject), framework.DryRun()) },
		"several": func(r *framework.Router) {
			r.Mount(editsAll("a", framework.Continue))
			r.Mount(editsAll("b", framework.Accept))
		},
		"handlers in a dry run": func(r *framework.Router) {
			r.Use(asking((*framework.Route).DryRun))
			r.Mount(editsAll("edits", framework.Reject))
		},
	} {
		for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail(), miltertest.Postfix().Version(2)} {
			for _, record := range []struct{ header, body bool }{{false, false}, {true, false}, {false, true}} {
				k := newRecorder()
				k.limits.Header, k.limits.Body, k.limits.Complete = record.header, record.body, true
				r := framework.NewRouter()
				mount(r)
				msg := miltertest.Message("From: secret name\nSubject: secret\nX-D: secret\n\nsecret body\n")
				miltertest.RunRouter(t, r, msg, k.option(), miltertest.As(p))
				m, where := k.only(t), []any{"%s, %s, %v", name, p.Name, record}
				for _, of := range []struct {
					kept  bool
					texts []string
				}{
					{record.header, []string{"secret name", "secret change", "Subject\x00secret", " secret\x00"}},
					{record.body, []string{"secret body", "secret text", "secret stream"}},
				} {
					for _, text := range of.texts {
						if !of.kept {
							require.NotContains(t, string(k.recs[0].Bytes), text, where...)
						}
					}
				}
				if !record.header && !record.body {
					assert.NotContains(t, string(k.recs[0].Bytes), "secret", where...)
				}
				assert.EqualValues(t, len("secret body\r\n"), m.BodySize, where...)
			}
		}
	}
}
