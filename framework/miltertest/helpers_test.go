package miltertest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const plain = "Subject: hello\n\nHow are you?\n"

type (
	session      = framework.Session
	endOfMessage = framework.EndOfMessage
)

// quiet is a filter that always returns Continue.
func quiet() framework.Filter { return deciding(framework.Continue) }

// deciding is a filter that returns the same verdict for all messages.
func deciding(v framework.Verdict) framework.Filter {
	return atEnd(func(*session) (framework.Verdict, error) { return v, nil })
}

// atEnd is a filter with a handler for the end of the message.
func atEnd(h func(*session) (framework.Verdict, error)) framework.Filter {
	return miltertest.FilterFunc("at-end", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) { return h(s) })
		return nil
	})
}

// editor is a filter that makes every kind of modification.
func editor() framework.Filter {
	return miltertest.FilterFunc("editor", func(r *framework.Router) error {
		add, body := r.GrantAddHeader(), r.GrantReplaceBody()
		sender, rcpt, gone := r.GrantChangeSender(), r.GrantAddRecipient(), r.GrantDeleteRecipient()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
			for _, err := range []error{
				add.Append(s, "X-Seen", "yes"),
				add.Append(s, "X-Seen", "twice"),
				body.Replace(s, []byte("Fine.\n")),
				sender.Change(s, "boss@example.org"),
				rcpt.Add(s, "archive@example.net"),
				gone.Delete(s, "<bob@example.net>"),
			} {
				if err != nil {
					return framework.Continue, err
				}
			}
			return framework.Continue, nil
		})
		return nil
	})
}

// numberer is a filter that counts the messages of a session.
func numberer() framework.Filter {
	return miltertest.FilterFunc("numberer", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		count := framework.PerConnection[int](r)
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
			n := count.Get(s)
			*n++
			return framework.Continue, add.Append(s, "X-Number", string(rune('0'+*n)))
		})
		return nil
	})
}
