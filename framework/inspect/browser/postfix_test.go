//go:build integration

package browser_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// filters are three filters: one refuses a sender, one changes the subject and the body, and one
// fails for a subject, although that refuses no mail.
func filters(t *testing.T) *framework.Router {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("senders", func(r *framework.Router) error {
		r.OnMail(func(s *framework.Session, m *framework.Mail) (framework.Verdict, error) {
			framework.RecordNote(s.Context(), "dns", "TXT example.org: v=spf1 -all", time.Now(), nil)
			if m.Sender() == "spammer@example.org" {
				return framework.Reply(550, "5.7.1", "we know you")
			}
			return framework.Continue, nil
		})
		return nil
	}))
	r.Mount(miltertest.FilterFunc("tagger", func(r *framework.Router) error {
		change, add, replace := r.GrantChangeHeader(), r.GrantAddHeader(), r.GrantReplaceBody()
		subject := framework.PerMessage[framework.HeaderHandle](r)
		r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
			if h.Is("Subject") {
				*subject.Get(s) = h.Handle()
			}
			return nil
		})
		r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, errors.Join(
				change.Change(s, *subject.Get(s), "[outside] hello"), add.Append(s, "X-Tagged", "yes"),
				replace.Replace(s, []byte("The text of the tagger.\r\n")))
		})
		return nil
	}))
	r.Mount(miltertest.FilterFunc("moody", func(r *framework.Router) error {
		r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
			if h.Is("Subject") && h.Value() == "[outside] hello" {
				return errors.New("not in the mood")
			}
			return nil
		})
		return nil
	}), framework.FailOpen())
	return r
}

// isFile reports whether an address has a file with one record.
func (tb *tab) isFile(url string) bool {
	tb.t.Helper()
	resp, err := http.Get(url)
	require.NoError(tb.t, err)
	defer func() { assert.NoError(tb.t, resp.Body.Close()) }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(tb.t, err)
	name := filepath.Join(tb.t.TempDir(), "one"+record.Ext)
	require.NoError(tb.t, os.WriteFile(name, data, 0o600))
	records := 0
	for m, err := range record.Open(name) {
		require.NoError(tb.t, err)
		require.Equal(tb.t, "hello", m.Subject)
		records++
	}
	return records == 1
}

// The list fills while Postfix delivers, and each view shows what happened, of what the Inspector
// recorded.
func TestBehindPostfix(t *testing.T) {
	t.Parallel()
	in, err := inspect.New(inspect.Config{Content: record.ContentAll})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, in.Close()) })
	srv, err := framework.NewServer(filters(t), framework.Config{Recorder: in, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	in.Watch(srv)
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	listener := mta.Listen(t, "unix")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = srv.Shutdown(ctx)
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	mta.SetFilters(t, listener.Addr())

	tb := openHandler(t, in)
	t.Cleanup(func() { assert.NoError(t, in.Close()) }) // before the server of the page waits for it
	tb.visit("/")
	tb.wait(`document.querySelector(".live").dataset.state === "live"`)
	deliver := func(from, subject string) {
		t.Helper()
		c := realmta.DialSMTP(t, mta.Addr())
		defer c.Close()
		c.Cmd("EHLO client.example.test")
		c.Deliver(realmta.Message{
			From: from, To: []string{"ida@example.test"},
			Data: []byte("From: " + from + "\r\nSubject: " + subject + "\r\n\r\nHello Ida\r\n"),
		})
	}
	for range 5 {
		deliver("ben@example.org", "hello")
	}
	deliver("spammer@example.org", "buy")
	deliver("ben@example.org", pagetest.Attacks[0])
	tb.wait(`document.querySelectorAll(".row .state.good").length === 6 && document.querySelectorAll(".row .state.bad").length === 1`)
	tb.shoot("postfix-list")

	tb.visit("/?q=state:rejected")
	tb.wait(rows + ` === 1`)
	eval[bool](tb, `document.querySelector(".row").click(), true`)
	tb.wait(`document.querySelector(".message .answer") !== null`)
	assert.Equal(t, "Rejected by the filter senders at MAIL FROM. The reply was “550 5.7.1 we know you”.", tb.text(".sentence"))
	tb.shoot("postfix-refused")

	tb.visit("/?q=edited:tagger+failed:moody+subject:hello")
	tb.wait(rows + ` >= 5`)
	eval[bool](tb, `document.querySelector(".row").click(), true`)
	tb.wait(`document.querySelector(".message .answer") !== null`)
	assert.Contains(t, tb.text("#filters"), "changed Subject from “hello” to “[outside] hello”")
	assert.Contains(t, tb.text("#filters"), "not in the mood")
	diff := tb.text("#content")
	for _, line := range []string{"Subject: hello", "Subject: [outside] hello", "X-Tagged: yes", "Hello Ida", "The text of the tagger."} {
		assert.Contains(t, diff, line)
	}
	assert.Contains(t, tb.text("#timeline"), "end of message")
	assert.Contains(t, tb.text("#notes"), "TXT example.org")
	tb.shoot("postfix-message")
	assert.True(t, tb.isFile(eval[string](tb, `document.querySelector("[download]").href`)))

	tb.visit("/server")
	tb.wait(`document.querySelectorAll(".chart").length >= 6`)
	assert.Contains(t, tb.text("#errors"), "not in the mood")
	tb.shoot("postfix-server")
	tb.clean()
}
