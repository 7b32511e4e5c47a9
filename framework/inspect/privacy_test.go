package inspect_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// secretive is a filter that puts an address wherever a record has a text.
func secretive() framework.Filter {
	return miltertest.FilterFunc("filter", func(r *framework.Router) error {
		r.WantMacro(framework.StageMail, "auth_authen")
		r.WantHeaders()
		r.WantBody()
		add, change, rcpt, hold := r.GrantAddHeader(), r.GrantChangeHeader(), r.GrantAddRecipient(), r.GrantQuarantine()
		body := r.GrantReplaceBody()
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			s.Annotate(slog.String("who", "secret@example.org"))
			framework.RecordNote(s.Context(), "dns", "TXT secret@example.org", time.Now(), errors.New("no secret@example.org"))
			return framework.Continue, nil
		})
		r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			if e.Recipient() == "secret.two@example.net" {
				return framework.Reply(550, "5.1.1", "no secret.two@example.net here")
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.Join(
				add.Append(s, "X-For", "secret@example.org"), rcpt.Add(s, "secret@example.com"),
				change.Change(s, framework.NthHeader("Subject", 1), "secret@example.org again"),
				hold.Quarantine(s, "secret@example.org"), body.Replace(s, []byte("secret body\r\n")))
		})
		return nil
	})
}

const secretMail = "From: \"secret name\"@example.org\nTo: Bob <secret@example.net>, secret@[192.0.2.1]\n" +
	"Subject: =?utf-8?q?for_secret=40example.org?=\n\nsecret body\n"

// recorded sends a message through the filter, and returns the bytes of its record, as they
// are in the folder.
func recorded(t *testing.T, config inspect.Config) ([]byte, *record.Message) {
	t.Helper()
	config.Folder = t.TempDir()
	in, err := inspect.New(config)
	require.NoError(t, err)
	miltertest.Run(t, secretive(), miltertest.Message(secretMail, miltertest.From("secret@example.org"),
		miltertest.To("secret@example.net", "secret.two@example.net"), miltertest.Auth("secret")), records(in))
	require.NoError(t, in.Close())
	files, err := filepath.Glob(filepath.Join(config.Folder, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	raw, err := os.ReadFile(files[0])
	require.NoError(t, err)
	for m, err := range record.Open(config.Folder) {
		require.NoError(t, err)
		return raw, m
	}
	require.Fail(t, "no record")
	return nil, nil
}

// With Shorten no local part is kept, in whatever place it was, and the rest is there.
func TestShorten(t *testing.T) {
	t.Parallel()
	for _, content := range []record.Content{record.ContentNone, record.ContentHeader} {
		raw, m := recorded(t, inspect.Config{Content: content, Shorten: true})
		assert.NotContains(t, string(raw), "secret", content)
		assert.True(t, m.Shortened)
		assert.Equal(t, "<x@example.org>", m.Sender)
		require.Len(t, m.Recipients, 2)
		assert.Equal(t, "<x@example.net>", m.Recipients[0].Address)
		require.NotNil(t, m.Recipients[1].Refusal)
		assert.Equal(t, "5.1.1 no x@example.net here", m.Recipients[1].Refusal.Text)
		assert.Equal(t, "x", m.Client.User)
		assert.Equal(t, []record.Attribute{{Key: "who", Value: "x@example.org"}}, m.Attributes)
		require.NotEmpty(t, m.Notes)
		assert.Equal(t, "TXT x@example.org", m.Notes[0].Text)
		assert.Equal(t, "x@example.org", m.Outcome.Quarantine)
		assert.Empty(t, m.Body)
		assert.EqualValues(t, len("secret body\r\n"), m.BodySize)
		if content == record.ContentHeader {
			assert.Equal(t, "for x@example.org", m.Subject)
			assert.Equal(t, "Bob <x@example.net>, x@[192.0.2.1]", m.Header[1].Value)
		}
	}
}

// Without content neither the header nor the body is kept, but the sizes are known.
func TestContentNone(t *testing.T) {
	t.Parallel()
	raw, m := recorded(t, inspect.Config{Content: record.ContentNone})
	for _, gone := range []string{"secret name", "for_secret", "secret body", "X-For\x00secret", "again"} {
		assert.NotContains(t, string(raw), gone)
	}
	assert.Equal(t, record.ContentNone, m.Content)
	assert.Empty(t, m.Subject)
	assert.Empty(t, m.Header)
	headers := 0
	for _, f := range m.Frames {
		if f.FromMTA && f.Code == 'L' {
			headers++
			assert.Nil(t, f.Data)
			assert.Positive(t, f.Size)
		}
	}
	assert.Equal(t, 3, headers)
	require.Len(t, m.Filters, 1)
	for _, e := range m.Filters[0].Edits {
		if e.New != nil {
			assert.Empty(t, e.New.Value)
		}
	}
}

// The header alone is kept by default, and both if the administrator wants it.
func TestContent(t *testing.T) {
	t.Parallel()
	raw, m := recorded(t, inspect.Config{})
	assert.NotContains(t, string(raw), "secret body")
	assert.Equal(t, record.ContentHeader, m.Content)
	assert.Len(t, m.Header, 3)
	assert.EqualValues(t, len("secret body\r\n"), m.Filters[0].NewBodySize)
	raw, m = recorded(t, inspect.Config{Content: record.ContentAll})
	assert.True(t, bytes.Contains(raw, []byte("secret body")))
	assert.Equal(t, "secret body\r\n", string(m.Body))
	assert.Equal(t, "secret body\r\n", string(m.Filters[0].NewBody))
}
