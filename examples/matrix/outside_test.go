package matrix_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/banner"
)

// outside is the filter of docs/howto/add-a-banner.md. It puts a warning into all mail.
type outside struct{ warning *banner.Banner }

func newOutside(t *testing.T) outside {
	t.Helper()
	warning, err := banner.New(banner.Config{
		Text: "⚠ This mail comes from outside.", HTML: "<div>⚠ This mail comes from outside.</div>",
		Fallback: "!! This mail comes from outside.", AddPart: true,
	})
	require.NoError(t, err)
	return outside{warning}
}

// Name implements [framework.Filter].
func (outside) Name() string { return "outside" }

// Register implements [framework.Filter].
func (f outside) Register(r *framework.Router) error {
	header, body := r.WantHeaders(), r.WantBody()
	add, change, replace := r.GrantAddHeader(), r.GrantChangeHeader(), r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		var fields []parts.Field
		for field := range header.All(s) {
			fields = append(fields, parts.Field{Name: field.Name, Value: field.Value})
		}
		plan, err := f.warning.Plan(banner.Message{Header: fields, Body: func() io.Reader { return body.Reader(s) }})
		if banner.Refused(err) || err == nil && !plan.Changes() {
			return framework.Continue, nil
		}
		if err != nil {
			return framework.Continue, err
		}
		for _, c := range plan.Header() {
			value := c.Value
			for field := range header.Named(s, c.Name) {
				if value == "" {
					err = change.Delete(s, field.Handle)
				} else {
					err = change.Change(s, field.Handle, value)
				}
				if err != nil {
					return framework.Continue, err
				}
				value = ""
			}
			if value != "" {
				if err := add.Append(s, c.Name, value); err != nil {
					return framework.Continue, err
				}
			}
		}
		return framework.Continue, replace.ReplaceFrom(s, plan.Body())
	})
	return nil
}
