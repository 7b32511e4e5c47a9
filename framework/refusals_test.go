package framework_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// usualQueueID is the queue ID of a message that has no other.
const usualQueueID = "4ZsluiceZ1"

// linesFrom returns the lines of a server from a level on, without the attributes that
// all of them have.
func linesFrom(logs miltertest.Logs, level slog.Level) (lines []string) {
	for _, r := range logs {
		if r.Level < level {
			continue
		}
		line := r.Level.String() + " " + r.Message
		r.Attrs(func(a slog.Attr) bool {
			text := a.String()
			if !slices.Contains([]string{"session", "peer", "message", "stack"}, a.Key) && text != "queue_id="+usualQueueID {
				line += " " + text
			}
			return true
		})
		lines = append(lines, line)
	}
	return lines
}

func addresses(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("r%d@example.net", i)
	}
	return list
}

// "Why was mail to X refused?" is answered by the log of a server that has no middleware.
func TestRefusalLines(t *testing.T) {
	t.Parallel()
	no := framework.MustReply(550, "5.7.1", "no such user")
	const policy = "reply 451 4.3.0 mail filter failed, try again later"
	const letter = "A: b\n\nbody\n"
	tests := map[string]struct {
		register func(r *framework.Router)
		msg      []miltertest.MessageOption
		set      func(cfg *framework.Config)
		want     []string
	}{
		"nothing": {register: func(r *framework.Router) { r.OnRcpt(goesOn) }},
		"a recipient": {
			register: func(r *framework.Router) { r.OnRcpt(says[*framework.Rcpt](no)) },
			want: []string{
				"INFO recipient refused recipient=<recipient@example.net> verdict=reply 550 5.7.1 no such user code=550 filter=main stage=rcpt",
			},
		},
		"a recipient, Reject": {
			register: func(r *framework.Router) { r.OnRcpt(says[*framework.Rcpt](framework.Reject)) },
			want:     []string{"INFO recipient refused recipient=<recipient@example.net> verdict=reject filter=main stage=rcpt"},
		},
		"300 recipients, each by a reply of its own": {
			register: func(r *framework.Router) {
				r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
					return framework.Reply(550, "5.7.1", "no such user")
				})
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(300)...)},
			want: []string{
				"INFO recipient refused recipient=<r0@example.net> verdict=reply 550 5.7.1 no such user code=550 filter=main stage=rcpt",
				"INFO further recipients refused recipient=<r1@example.net>, <r2@example.net>, <r3@example.net>, <r4@example.net>, <r5@example.net>" +
					" recipients=299 verdict=reply 550 5.7.1 no such user code=550 filter=main stage=rcpt",
			},
		},
		"8 recipients, each for another reason": {
			register: func(r *framework.Router) {
				r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
					return framework.Reply(450, "", e.Recipient())
				})
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(8)...)},
			want: []string{
				"INFO recipient refused recipient=<r0@example.net> verdict=reply 450 r0@example.net code=450 filter=main stage=rcpt",
				"INFO recipient refused recipient=<r1@example.net> verdict=reply 450 r1@example.net code=450 filter=main stage=rcpt",
				"INFO recipient refused recipient=<r2@example.net> verdict=reply 450 r2@example.net code=450 filter=main stage=rcpt",
				"INFO recipient refused recipient=<r3@example.net> verdict=reply 450 r3@example.net code=450 filter=main stage=rcpt",
				"INFO recipient refused recipient=<r4@example.net> verdict=reply 450 r4@example.net code=450 filter=main stage=rcpt",
				"INFO further recipients refused recipients=3",
			},
		},
		"300 recipients beyond a limit": {
			register: func(r *framework.Router) {
				r.WantEnvelope()
				r.OnRcpt(goesOn)
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(301)...)},
			set: func(cfg *framework.Config) { cfg.MaxRecipients = 1 },
			want: []string{
				"INFO envelope not kept filter=main outcome=reply 452 4.5.3 too many recipients for the mail filter limit=MaxRecipients most=1",
				"INFO recipient refused recipient=<r1@example.net> verdict=reply 452 4.5.3 too many recipients for the mail filter" +
					" code=452 filter=main stage=rcpt",
				"INFO further recipients refused recipient=<r2@example.net>, <r3@example.net>, <r4@example.net>, <r5@example.net>, <r6@example.net>" +
					" recipients=299 verdict=reply 452 4.5.3 too many recipients for the mail filter code=452 filter=main stage=rcpt",
			},
		},
		"300 recipients beyond a limit, where the MTA waits for no answer": {
			register: func(r *framework.Router) {
				r.WantEnvelope()
				r.OnEndOfMessage(goesOn)
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(301)...)},
			set: func(cfg *framework.Config) { cfg.MaxRecipients = 1 },
			want: []string{
				"INFO envelope not kept filter=main outcome=reply 452 4.5.3 too many recipients for the mail filter limit=MaxRecipients most=1",
				"INFO message refused sender=<sender@example.org>" +
					" recipient=<r0@example.net>, <r1@example.net>, <r2@example.net>, <r3@example.net>, <r4@example.net> recipients=301" +
					" verdict=reply 452 4.5.3 too many recipients for the mail filter code=452 filter=main stage=end of message",
			},
		},
		"every other of 20 recipients, and the message": {
			register: func(r *framework.Router) {
				odd := framework.PerMessage[bool](r)
				r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
					if *odd.Get(s) = !*odd.Get(s); !*odd.Get(s) {
						return no, nil
					}
					return framework.Continue, nil
				})
				r.OnEndOfHeaders(says[*framework.EndOfHeaders](framework.Reject))
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(20)...)},
			want: []string{
				"INFO recipient refused recipient=<r1@example.net> verdict=reply 550 5.7.1 no such user code=550 filter=main stage=rcpt",
				"INFO further recipients refused recipient=<r3@example.net>, <r5@example.net>, <r7@example.net>, <r9@example.net>, <r11@example.net>" +
					" recipients=9 verdict=reply 550 5.7.1 no such user code=550 filter=main stage=rcpt",
				"INFO message refused recipient=<r0@example.net>, <r2@example.net>, <r4@example.net>, <r6@example.net>, <r8@example.net>" +
					" recipients=10 verdict=reject filter=main stage=end of headers",
			},
		},
		"recipients that the MTA refused": {
			register: func(r *framework.Router) {
				r.OnRcpt(goesOn)
				r.ObserveRejectedRcpt(func(*framework.Session, *framework.RejectedRcpt) error { return nil })
				r.OnEndOfHeaders(says[*framework.EndOfHeaders](framework.Reject))
			},
			msg: []miltertest.MessageOption{miltertest.To("a@example.net"), miltertest.ToRefused("b@example.net", "550 5.1.1 unknown"), miltertest.To("c@example.net")},
			want: []string{
				"INFO message refused recipient=<a@example.net>, <c@example.net> recipients=2 verdict=reject filter=main stage=end of headers",
			},
		},
		"a message at Mail": {
			register: func(r *framework.Router) { r.OnMail(says[*framework.Mail](no)) },
			want:     []string{"INFO message refused sender=<sender@example.org> verdict=reply 550 5.7.1 no such user code=550 filter=main stage=mail"},
		},
		"a message at Data, and a recipient": {
			register: func(r *framework.Router) {
				r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
					if e.Recipient() == "r0@example.net" {
						return no, nil
					}
					return framework.Continue, nil
				})
				r.OnData(says[*framework.Data](framework.TempFail))
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(3)...)},
			want: []string{
				"INFO recipient refused recipient=<r0@example.net> verdict=reply 550 5.7.1 no such user code=550 filter=main stage=rcpt",
				"INFO message refused recipient=<r1@example.net>, <r2@example.net> recipients=2 verdict=tempfail filter=main stage=data",
			},
		},
		"a message at Header": {
			register: func(r *framework.Router) { r.OnHeader(says[*framework.Header](framework.Reject)) },
			want:     []string{"INFO message refused verdict=reject filter=main stage=header"},
		},
		"a message at Body": {
			register: func(r *framework.Router) { r.OnBody(says[*framework.Body](no)) },
			want:     []string{"INFO message refused verdict=reply 550 5.7.1 no such user code=550 filter=main stage=body"},
		},
		"a message at its end, with its queue ID": {
			register: func(r *framework.Router) {
				r.WantMacro(framework.StageEndOfMessage, "i")
				r.ObserveMail(watches)
				r.ObserveRcpt(watches)
				r.OnEndOfMessage(says[*framework.EndOfMessage](no))
			},
			msg: []miltertest.MessageOption{miltertest.QueueID("4F1"), miltertest.To(addresses(7)...)},
			want: []string{
				"INFO message refused sender=<sender@example.org>" +
					" recipient=<r0@example.net>, <r1@example.net>, <r2@example.net>, <r3@example.net>, <r4@example.net> recipients=7" +
					" verdict=reply 550 5.7.1 no such user code=550 filter=main stage=end of message queue_id=4F1",
			},
		},
		"a message that is discarded": {
			register: func(r *framework.Router) { r.OnEndOfMessage(says[*framework.EndOfMessage](framework.Discard)) },
			want:     []string{"INFO message discarded verdict=discard filter=main stage=end of message"},
		},
		"a verdict that was deferred": {
			register: func(r *framework.Router) {
				r.Use(func(_ *framework.Route, next framework.Handler) framework.Handler {
					return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
						if ev.Stage() == framework.StageHeader {
							return no, nil
						}
						return next(s, ev)
					}
				})
				r.ObserveHeader(watches)
			},
			want: []string{"INFO message refused verdict=reply 550 5.7.1 no such user code=550 filter=main stage=end of message"},
		},
		"the policy after a failure": {
			register: func(r *framework.Router) {
				r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
					return framework.Continue, errors.ErrUnsupported
				})
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(3)...)},
			want: []string{
				`ERROR handler failed filter=main stage=rcpt error=framework: filter "main" failed at rcpt: unsupported operation`,
				"INFO recipient refused recipient=<r0@example.net> verdict=" + policy + " code=451 filter=main stage=rcpt",
				"INFO further recipients refused recipient=<r1@example.net>, <r2@example.net> recipients=2 verdict=" + policy + " code=451 filter=main stage=rcpt",
			},
		},
		"the client at Connect": {
			register: func(r *framework.Router) { r.OnConnect(says[*framework.Connect](no)) },
			want: []string{
				"INFO client refused client=192.0.2.1 client_name=client.example.org verdict=reply 550 5.7.1 no such user code=550 filter=main stage=connect",
			},
		},
		"the client at Helo": {
			register: func(r *framework.Router) {
				r.WantMacro(framework.StageConnect, "client_addr")
				r.OnHelo(says[*framework.Helo](no))
			},
			want: []string{"INFO client refused client=192.0.2.1 helo=client.example.org verdict=reply 550 5.7.1 no such user code=550 filter=main stage=helo"},
		},
		"personal data": {
			register: func(r *framework.Router) {
				r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
					if e.Recipient() == "r0@example.net" {
						return no, nil
					}
					return framework.Continue, nil
				})
				r.ObserveMail(watches)
				r.OnEndOfHeaders(says[*framework.EndOfHeaders](no))
			},
			msg: []miltertest.MessageOption{miltertest.To(addresses(2)...)},
			set: func(cfg *framework.Config) {
				cfg.Redact = func(key, value string) string {
					if key == "sender" {
						return ""
					}
					return strings.TrimLeft(value, "<r0123456789")
				}
			},
			want: []string{
				"INFO recipient refused recipient=@example.net> verdict=reply 550 5.7.1 no such user code=550 filter=main stage=rcpt",
				"INFO message refused recipient=@example.net> verdict=reply 550 5.7.1 no such user code=550 filter=main stage=end of headers",
			},
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			c.register(r)
			srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) {
				if c.set != nil {
					c.set(cfg)
				}
			}))
			conn := srv.Dial(t)
			conn.Run(t, miltertest.Message(letter, c.msg...))
			require.NoError(t, conn.Quit(t.Context()))
			srv.Close(t)
			assert.Equal(t, c.want, linesFrom(srv.Logs(), slog.LevelInfo))
		})
	}
}

// The line about a refused recipient, and about a refused DATA, does not wait for the end of
// the message, which Postfix may tell minutes later. A client that repeats either causes no
// further line.
func TestRefusalLinesAtOnce(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.ObserveMail(watches)
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		if e.Recipient() == "no@example.net" {
			return framework.Reject, nil
		}
		return framework.Continue, nil
	})
	r.OnData(says[*framework.Data](framework.TempFail))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	_, err := conn.Mail(t.Context(), "<ann@example.org>")
	require.NoError(t, err)
	for range 3 {
		for _, rcpt := range []string{"<yes@example.net>", "<no@example.net>"} {
			_, err = conn.Rcpt(t.Context(), rcpt)
			require.NoError(t, err)
		}
		_, err = conn.Data(t.Context())
		require.NoError(t, err)
	}
	want := []string{
		"INFO recipient refused recipient=<no@example.net> verdict=reject filter=main stage=rcpt",
		"INFO message refused sender=<ann@example.org> recipient=<yes@example.net> verdict=tempfail filter=main stage=data",
	}
	assert.Eventually(t, func() bool { return len(linesFrom(srv.Logs(), slog.LevelInfo)) == 2 }, time.Minute, time.Millisecond)
	assert.Equal(t, want, linesFrom(srv.Logs(), slog.LevelInfo))
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	want = append(want,
		"INFO further recipients refused recipient=<no@example.net>, <no@example.net> recipients=2 verdict=reject filter=main stage=rcpt")
	assert.Equal(t, want, linesFrom(srv.Logs(), slog.LevelInfo))
}

// A client that repeats a refused HELO causes two lines.
func TestRepeatedRefusalOfClient(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnHelo(says[*framework.Helo](framework.Reject))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for range 2 {
		for range 100 {
			_, err := conn.Helo(t.Context(), "helo.example")
			require.NoError(t, err)
		}
		require.NoError(t, conn.QuitNC())
	}
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	session := []string{"INFO client refused helo=helo.example verdict=reject filter=main stage=helo", "INFO client refused again refusals=99"}
	assert.Equal(t, append(session, session...), linesFrom(srv.Logs(), slog.LevelInfo))
}

// A message that is refused on behalf of a handler that hangs has its line, too.
func TestRefusalLineOfHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := framework.NewRouter()
		r.ObserveRcpt(watches)
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			<-release
			return framework.Continue, nil
		})
		srv := miltertest.NewRouterServer(t, r)
		srv.Dial(t).Run(t, miltertest.Message("A: b\n\nbody\n"))
		time.Sleep(time.Minute)
		close(release)
		srv.Close(t)
		assert.Equal(t, []string{
			"ERROR handler timed out; replying on its behalf filter=main stage=end of message error=framework: handler timeout",
			"INFO message refused recipient=<recipient@example.net> verdict=reply 451 4.3.0 mail filter failed, try again later" +
				" code=451 filter=main stage=end of message",
			"INFO abandoned handler returned filter=main stage=end of message",
		}, linesFrom(srv.Logs(), slog.LevelInfo))
	})
}
