package framework_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// The replies for what the same message causes each time, and for what may be mended.
const (
	tooManyEdits  = "554 5.3.4 message has too many header fields for the mail filter to change"
	lacksField    = "554 5.6.0 message lacks a header field that the mail filter changes"
	unprocessable = "554 5.6.0 message cannot be processed by the mail filter"
	bodyTooLarge  = "552 5.3.4 message body too large for the mail filter"
)

// failingHandler is a handler of the end of the message that cannot do its work.
type failingHandler struct {
	name string
	do   func(s *framework.Session, g grants, headers framework.KeptHeader) error
	want string // the reply by the policy FailClosed
	fate string // the reply by FailWith(TempFail), which is another only if the server's limit decides
}

func failingHandlers() []failingHandler {
	const chosen = "451 4.7.1 Service unavailable - try again later"
	edit := func(do func(s *framework.Session, g grants) error) func(*framework.Session, grants, framework.KeptHeader) error {
		return func(s *framework.Session, g grants, _ framework.KeptHeader) error { return do(s, g) }
	}
	first := func(do func(s *framework.Session, g grants, h framework.HeaderHandle) error) func(*framework.Session, grants, framework.KeptHeader) error {
		return func(s *framework.Session, g grants, headers framework.KeptHeader) error {
			f, _ := headers.First(s, "A")
			return do(s, g, f.Handle)
		}
	}
	inserts := edit(func(s *framework.Session, g grants) (err error) {
		for err == nil {
			err = g.add.Insert(s, 0, "X", "y")
		}
		return fmt.Errorf("tag: %w", err)
	})
	return []failingHandler{
		{"too many insertions", inserts, tooManyEdits, chosen},
		{"a field that is not there", edit(func(s *framework.Session, g grants) error {
			return g.change.Change(s, framework.NthHeader("Subject", 1), "new")
		}), lacksField, chosen},
		{"a field that was deleted", first(func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			return errors.Join(g.change.Delete(s, h), g.rename.Rename(s, h, "B"))
		}), lacksField, chosen},
		{"a value that is too long", first(func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			return g.change.Change(s, h, strings.Repeat("x", 64_101))
		}), unprocessable, chosen},
		{"a value with NUL", edit(func(s *framework.Session, g grants) error {
			return g.add.Append(s, "X", "a\x00b")
		}), unprocessable, chosen},
		{"an empty value", first(func(s *framework.Session, g grants, h framework.HeaderHandle) error {
			return g.change.Change(s, h, "")
		}), unprocessable, chosen},
		{"a new name for a value that is too long", func(s *framework.Session, g grants, headers framework.KeptHeader) error {
			f, _ := headers.First(s, "Long")
			return g.rename.Rename(s, f.Handle, "X")
		}, unprocessable, chosen},
		{"a body with a bare CR", edit(func(s *framework.Session, g grants) error {
			return g.body.Replace(s, []byte("a\rb"))
		}), unprocessable, chosen},
		{"a reader with a bare CR", edit(func(s *framework.Session, g grants) error {
			return g.body.ReplaceFrom(s, strings.NewReader("a\rb"))
		}), unprocessable, chosen},
		{"a reader of too large a body", edit(func(s *framework.Session, g grants) error {
			return g.body.ReplaceFrom(s, strings.NewReader(strings.Repeat("x", 4<<10)))
		}), bodyTooLarge, bodyTooLarge},

		{"an error that is marked", edit(func(*framework.Session, grants) error {
			return fmt.Errorf("part 2: %w", framework.Permanent(io.ErrUnexpectedEOF))
		}), unprocessable, chosen},
		{"an error that says so", edit(func(*framework.Session, grants) error { return deepError(1) }), unprocessable, chosen},

		{"one that denies it, joined with one that says so", edit(func(*framework.Session, grants) error {
			return errors.Join(deepError(0), framework.Permanent(io.ErrUnexpectedEOF))
		}), unprocessable, chosen},

		{"an error that denies it", edit(func(*framework.Session, grants) error { return deepError(0) }), policyReply, chosen},
		{"an error of the filter's own", edit(func(*framework.Session, grants) error { return io.ErrUnexpectedEOF }), policyReply, chosen},
		{"a panic", edit(func(*framework.Session, grants) error { panic("boom") }), policyReply, chosen},
		{"a reader that fails", edit(func(s *framework.Session, g grants) error {
			return g.body.ReplaceFrom(s, brokenReader{})
		}), policyReply, chosen},
		{"a name that no field can have", edit(func(s *framework.Session, g grants) error {
			return g.add.Append(s, "X Y", "z")
		}), policyReply, chosen},
		{"a negative position", edit(func(s *framework.Session, g grants) error { return g.add.Insert(s, -1, "X", "y") }), policyReply, chosen},
		{"no reader", edit(func(s *framework.Session, g grants) error { return g.body.ReplaceFrom(s, nil) }), policyReply, chosen},
		{"an address with LF", edit(func(s *framework.Session, g grants) error { return g.rcpt.Add(s, "a\nb") }), policyReply, chosen},
		{"no grant", edit(func(s *framework.Session, _ grants) error {
			return framework.HeaderAdder{}.Append(s, "X", "y")
		}), policyReply, chosen},
		{"a reply that cannot be sent", edit(func(*framework.Session, grants) error {
			_, err := framework.Reply(550, "5.7.1", "a\r\nb", "c")
			return err
		}), "550-5.7.1 a\n550-5.7.1 b\n550 5.7.1 c", chosen},
		{"a temporary reply that cannot be sent", edit(func(*framework.Session, grants) error {
			_, err := framework.Reply(451, "5.7.1", "later")
			return err
		}), "451 4.7.1 later", chosen},
	}
}

// deepError is an error of a package that does not import the framework.
type deepError int

func (deepError) Error() string     { return "parts are nested too deeply" }
func (e deepError) Permanent() bool { return e > 0 }

func TestPermanentKeepsTheError(t *testing.T) {
	t.Parallel()
	require.NoError(t, framework.Permanent(nil))
	err := framework.Permanent(io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.EqualError(t, err, "unexpected EOF")
}

// A failure that the same message causes each time is not answered with "try again
// later", unless the filter was mounted so. Every other failure is.
func TestPermanentFailures(t *testing.T) {
	t.Parallel()
	msg := func() *mta.Message {
		return miltertest.Message("A: 1\nLong: " + strings.Repeat("x", 64_200) + "\n\nbody\n")
	}
	for _, c := range failingHandlers() {
		for name, policy := range map[string]struct {
			opts []framework.LaneOption
			want string
		}{
			"by default": {nil, c.want},
			"FailClosed": {[]framework.LaneOption{framework.FailWith(framework.Reject), framework.FailClosed()}, c.want},
			"FailWith":   {[]framework.LaneOption{framework.FailWith(framework.TempFail)}, c.fate},
			"FailOpen":   {[]framework.LaneOption{framework.FailOpen()}, ""},
		} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				t.Parallel()
				filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
					g, headers := allGrants(r), r.WantHeaders()
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						return framework.Continue, c.do(s, g, headers)
					})
					return nil
				})
				res := miltertest.Run(t, filter, msg(), miltertest.Lane(policy.opts...), miltertest.Configure(func(cfg *framework.Config) { cfg.MaxSpool = 2 << 10 }))
				assert.Equal(t, policy.want, res.Reply())
				assert.Empty(t, res.Modifications)
			})
		}
	}
}

// A permanent failure at a stage that does not answer is kept and given later, as every
// verdict is. At Rcpt it refuses the recipient.
func TestPermanentFailureAtOtherStages(t *testing.T) {
	t.Parallel()
	fail := func(s *framework.Session, add framework.HeaderAdder) error { return add.Append(s, "X", "a\x00b") }
	for name, register := range map[string]func(r *framework.Router, add framework.HeaderAdder){
		"observed at mail": func(r *framework.Router, add framework.HeaderAdder) {
			r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return fail(s, add) })
		},
		"answered at rcpt": func(r *framework.Router, add framework.HeaderAdder) {
			r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
				return framework.Continue, fail(s, add)
			})
		},
		"observed at body": func(r *framework.Router, add framework.HeaderAdder) {
			r.ObserveBody(func(s *framework.Session, _ *framework.Body) error { return fail(s, add) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
				register(r, r.GrantAddHeader())
				return nil
			}), miltertest.Message(fourFields))
			assert.Equal(t, unprocessable, res.Reply())
		})
	}
}

// A permanent failure at Rcpt refuses that recipient alone: the client has others. Any
// other failure refuses the message, which the filter cannot judge any more.
func TestPermanentFailureOfARecipient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure func() (framework.Verdict, error)
		reply   string
		other   string // the reply to the next recipient
	}{
		"a text from elsewhere": {func() (framework.Verdict, error) {
			return framework.Reply(550, "5.1.1", "no user\r\nbad")
		}, "550-5.1.1 no user 550 5.1.1 bad", ""},
		"marked": {func() (framework.Verdict, error) {
			return framework.Continue, framework.Permanent(io.ErrUnexpectedEOF)
		}, unprocessable, ""},
		"another error": {func() (framework.Verdict, error) {
			return framework.Continue, io.ErrUnexpectedEOF
		}, policyReply, policyReply},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
				if e.Recipient() == "bad@example.net" {
					return c.failure()
				}
				return framework.Continue, nil
			})
			r.OnEndOfMessage(goesOn)
			conn := miltertest.NewRouterServer(t, r).Dial(t)
			_, err := conn.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			reply := func(rcpt string) string {
				resp, err := conn.Rcpt(t.Context(), rcpt)
				require.NoError(t, err)
				return strings.Join(resp.Lines(), " ")
			}
			assert.Empty(t, reply("<good@example.net>"))
			assert.Equal(t, c.reply, reply("<bad@example.net>"))
			assert.Equal(t, c.other, reply("<better@example.net>"))
			end, _, err := conn.EndOfMessage(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, c.other, strings.Join(end.Lines(), " "))
		})
	}
}

// A field that the message lacks is not the message's fault if a filter before it, which
// may add the field, was left out, or if the handle is of an earlier message.
func TestLackingFieldOfAnotherCause(t *testing.T) {
	t.Parallel()
	t.Run("a filter left out", func(t *testing.T) {
		t.Parallel()
		r := framework.NewRouter()
		r.Mount(miltertest.FilterFunc("scores", func(r *framework.Router) error {
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
				return framework.Continue, errors.New("database is down")
			})
			return nil
		}), framework.FailOpen())
		r.Mount(miltertest.FilterFunc("changes", func(r *framework.Router) error {
			change := r.GrantChangeHeader()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, change.Change(s, framework.NthHeader("X-Score", 1), "5")
			})
			return nil
		}))
		miltertest.RunRouter(t, r, letter()).AssertTempFailed(t)
	})
	t.Run("a handle of an earlier message", func(t *testing.T) {
		t.Parallel()
		r := framework.NewRouter()
		change := r.GrantChangeHeader()
		var kept framework.HeaderHandle
		r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
			if kept == (framework.HeaderHandle{}) {
				kept = h.Handle()
			}
			return nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, change.Change(s, kept, "new")
		})
		conn := miltertest.NewRouterServer(t, r).Dial(t)
		conn.Run(t, letter()).AssertAccepted(t)
		conn.Run(t, letter()).AssertTempFailed(t)
	})
}
