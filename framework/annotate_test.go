package framework_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// Attributes that are added during a message are in the log records of that
// message only. Attributes that are added earlier are in all records of the
// session.
func TestAnnotate(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error {
		s.Annotate(slog.String("of", "session"))
		return nil
	})
	r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
		s.Logger().Info("before")
		s.Annotate(slog.String("sender", m.Sender()))
		return nil
	})
	var kept *slog.Logger
	r.ObserveRcpt(func(s *framework.Session, m *framework.Rcpt) error {
		kept = s.Logger()
		s.Annotate(slog.String("rcpt", m.Recipient()))
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		s.Logger().Info("end")
		kept.Info("kept")
		return framework.Continue, nil
	})
	r.ObserveClose(func(s *framework.Session, _ *framework.Close) error {
		s.Logger().Info("close")
		return nil
	})
	res := miltertest.RunRouter(t, r, miltertest.Message(hello, miltertest.From("a@example.org"), miltertest.To("b@example.net")))
	lines := 0
	for line := range strings.SplitSeq(strings.TrimSpace(res.Logs.String()), "\n") {
		if !strings.Contains(line, "INFO") {
			continue
		}
		lines++
		end, older := strings.Contains(line, "INFO end"), strings.Contains(line, "INFO kept")
		assert.Contains(t, line, "of=session")
		assert.Equal(t, end || older, strings.Contains(line, "sender=a@example.org"), line)
		assert.Equal(t, end, strings.Contains(line, "rcpt=b@example.net"), line)
	}
	assert.Equal(t, 4, lines)
}

// A message does not have the attributes of the previous message, and a session
// not those of the previous session on the same connection.
func TestAnnotateIsForgotten(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.ObserveHelo(func(s *framework.Session, h *framework.Helo) error {
		s.Annotate(slog.String("helo", h.Name()))
		return nil
	})
	r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
		if m.Sender() == "a@example.org" {
			s.Annotate(slog.String("first", m.Sender()))
		}
		s.Logger().Info("mail")
		return nil
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for _, sender := range []string{"a@example.org", "b@example.org"} {
		conn.Run(t, miltertest.Message(hello, miltertest.Helo("one"), miltertest.From(sender)))
	}
	assert.NoError(t, conn.QuitNC())
	conn.Run(t, miltertest.Message(hello, miltertest.Helo("two"), miltertest.From("c@example.org")))
	srv.Close(t)
	logs := srv.Logs().String()
	assert.Equal(t, 1, strings.Count(logs, "first=a@example.org"))
	assert.Equal(t, 2, strings.Count(logs, "helo=one"))
	assert.Equal(t, 1, strings.Count(logs, "helo=two"))
}

// The framework's own lines have the queue ID once, wherever it was annotated.
func TestAnnotateQueueID(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{true, false} {
		r := framework.NewRouter()
		r.ObserveHelo(func(s *framework.Session, _ *framework.Helo) error {
			if early {
				s.Annotate(slog.String("queue_id", "mine"))
			}
			return nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if !early {
				s.Annotate(slog.String("queue_id", "mine"))
			}
			return framework.Continue, errors.ErrUnsupported
		})
		r.WantMacro(framework.StageEndOfMessage, "i")
		res := miltertest.RunRouter(t, r, miltertest.Message(hello, miltertest.QueueID("4F1")))
		assert.Contains(t, res.Logs.String(), "handler failed")
		for line := range strings.Lines(res.Logs.String()) {
			if !strings.Contains(line, "MTA connection ended") {
				assert.Equal(t, 1, strings.Count(line, "queue_id="), line)
			}
		}
	}
}
