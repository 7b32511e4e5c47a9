package remote_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// rewriter is a filter that changes the message before the editor sees it: it adds a
// field above the MTA's Received and one below, tags the Subject and adds a line to the
// body.
func rewriter() framework.Filter {
	return miltertest.FilterFunc("rewriter", func(r *framework.Router) error {
		add, change, body := r.GrantAddHeader(), r.GrantChangeHeader(), r.GrantReplaceBody()
		headers, kept := r.WantHeaders(), r.WantBody()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if f, ok := headers.First(s, "X-Forged"); ok {
				if err := change.Delete(s, f.Handle); err != nil {
					return framework.Continue, err
				}
			}
			if f, ok := headers.First(s, "Subject"); ok {
				if err := change.Change(s, f.Handle, f.Value+" (seen)"); err != nil {
					return framework.Continue, err
				}
			}
			text := make([]byte, kept.Size(s))
			_, _ = kept.Reader(s).Read(text)
			if err := body.Replace(s, append(text, "added\r\n"...)); err != nil {
				return framework.Continue, err
			}
			if err := add.InsertTop(s, "X-Forged", "by the rewriter"); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, add.Append(s, "X-Rewritten", "yes")
		})
		return nil
	})
}

// result is what the client and the recipients see of an outcome.
func result(t *testing.T, filters []framework.Filter, p miltertest.Personality, msg *mta.Message) string {
	t.Helper()
	r := framework.NewRouter()
	for _, f := range filters {
		r.Mount(f)
	}
	out := miltertest.RunRouter(t, r, msg, miltertest.As(p))
	var b strings.Builder
	for _, refused := range out.Refused {
		fmt.Fprintln(&b, "refused", refused.Addr, refused.Response.Lines())
	}
	if out.Edited == nil {
		fmt.Fprintln(&b, out.Verdict.Code, out.Verdict.Lines())
		return b.String()
	}
	fmt.Fprintln(&b, out.Quarantine, out.Edited.Sender, out.Edited.Recipients, out.Edited.Above)
	b.Write(out.Edited.Bytes())
	return b.String()
}

// A filter does the same mounted directly and as a milter behind a lane, on every MTA,
// with and without a filter before it that rewrites the message.
func TestSameAsMounted(t *testing.T) {
	t.Parallel()
	far := lane(t, remote.Config{}, serve(t, editor()))
	for _, p := range miltertest.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			edited := 0
			for _, msg := range orders() {
				for _, before := range [][]framework.Filter{nil, {rewriter()}} {
					mounted := result(t, append(before, editor()), p, msg)
					assert.Equal(t, mounted, result(t, append(before, far), p, msg))
					edited += strings.Count(mounted, "X-Bottom")
				}
			}
			require.Equal(t, 4, edited)
		})
	}
}
