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
)

var errLookup = errors.New("no such server")

// rewriter is a filter that changes all of a message, and looks at it before and at the
// end.
type rewriter struct {
	name string
	logs *[]string
}

func (f rewriter) Name() string { return f.name }

func (f rewriter) Register(r *framework.Router) error {
	headers, body, envelope := r.WantHeaders(), r.WantBody(), r.WantEnvelope()
	change, replace := r.GrantChangeHeader(), r.GrantReplaceBody()
	sender, add := r.GrantChangeSender(), r.GrantAddRecipient()
	look := func(s *framework.Session, when string) error {
		text, err := io.ReadAll(body.Reader(s))
		subject, _ := headers.First(s, "Subject")
		*f.logs = append(*f.logs, fmt.Sprintf("%s %s: %s %s %d %q %d", f.name, when, subject.Value,
			envelope.Sender(s), len(envelope.Recipients(s)), text, body.Size(s)))
		return err
	}
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		*f.logs = append(*f.logs, f.name+" header "+h.Value())
		return nil
	})
	r.BeforeEndOfMessage(func(s *framework.Session) error { return look(s, "before") })
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, errors.Join(
			look(s, "at the end"),
			change.Change(s, framework.NthHeader("Subject", 1), f.name),
			replace.Replace(s, []byte(f.name)),
			sender.Change(s, f.name+"@example.org"),
			add.Add(s, f.name+"@example.net"),
		)
	})
	return nil
}

// The handlers of all filters run before the first one of the end of the message, in order,
// and see the message as it came.
func TestBeforeEndOfMessage(t *testing.T) {
	t.Parallel()
	var logs []string
	r := framework.NewRouter()
	r.Mount(rewriter{"first", &logs})
	r.Mount(rewriter{"second", &logs})
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nbody\n",
		miltertest.From("a@example.org"), miltertest.To("b@example.net")))
	res.AssertAccepted(t)
	assert.Equal(t, []string{
		"first header hello",
		`first before: hello a@example.org 1 "body\r\n" 6`,
		`second before: hello a@example.org 1 "body\r\n" 6`,
		`first at the end: hello a@example.org 1 "body\r\n" 6`,
		"second header first",
		`second at the end: first first@example.org 2 "first" 5`,
	}, logs)
	assert.Equal(t, "second", res.Header("Subject"))
}

// beforeAndEnd is a filter that records its calls, and whose handler before the end does
// what is asked.
func beforeAndEnd(name string, calls *[]string, before func() error) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.BeforeEndOfMessage(func(s *framework.Session) error {
			*calls = append(*calls, name+" before")
			return errors.Join(add.Append(s, "X-"+name, "before"), before())
		})
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			*calls = append(*calls, name+" end")
			return framework.Continue, nil
		})
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error {
			*calls = append(*calls, name+" abort")
			return nil
		})
		return nil
	})
}

// An error is treated as the filter's policy says. Filters whose end of message did not
// come get Abort, as after an error of any earlier stage.
func TestBeforeEndOfMessageFails(t *testing.T) {
	t.Parallel()
	const (
		refused = "a before, b before, a abort, b abort, c abort"
		leftOut = "a before, b before, c before, a end, c end, b abort"
	)
	good, permanent := func() error { return nil }, func() error { return framework.Permanent(errLookup) }
	for _, tt := range []struct {
		name  string
		fails func() error
		opts  []framework.LaneOption
		reply string
		calls string
		added string
	}{
		{"none", good, nil, "", "a before, b before, c before, a end, b end, c end", "X-a X-b X-c"},
		{"an error", func() error { return errLookup }, nil, "451 4.3.0 mail filter failed, try again later", refused, ""},
		{"a panic", func() error { panic("a bug") }, nil, "451 4.3.0 mail filter failed, try again later", refused, ""},
		{"a permanent error", permanent, nil, "554 5.6.0 message cannot be processed by the mail filter", refused, ""},
		{"fail open", func() error { return errLookup }, []framework.LaneOption{framework.FailOpen()}, "", leftOut, "X-a X-c"},
		{"dry run", func() error { return errLookup }, []framework.LaneOption{framework.DryRun()}, "", leftOut, "X-a X-c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var calls []string
			r := framework.NewRouter()
			r.Mount(beforeAndEnd("a", &calls, good))
			r.Mount(beforeAndEnd("b", &calls, tt.fails), tt.opts...)
			r.Mount(beforeAndEnd("c", &calls, good))
			res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"))
			assert.Equal(t, tt.reply, res.Reply())
			assert.Equal(t, tt.calls, strings.Join(calls, ", "))
			for _, name := range []string{"a", "b", "c"} {
				assert.Equal(t, strings.Contains(tt.added, "X-"+name), res.Header("X-"+name) == "before", name)
			}
		})
	}
}

// A filter that is done with the message is not called. Neither is any if the message is
// refused already.
func TestBeforeEndOfMessageOfAFilterThatIsDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		verdict framework.Verdict
		calls   string
	}{
		"accepted": {framework.Accept, "other before, other end"},
		"refused":  {framework.Reject, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls []string
			r := framework.NewRouter()
			r.OnHeader(says[*framework.Header](c.verdict))
			r.BeforeEndOfMessage(func(*framework.Session) error { calls = append(calls, "main"); return nil })
			r.Mount(miltertest.FilterFunc("other", func(r *framework.Router) error {
				r.BeforeEndOfMessage(func(*framework.Session) error { calls = append(calls, "other before"); return nil })
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					calls = append(calls, "other end")
					return framework.Continue, nil
				})
				return nil
			}))
			miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"))
			assert.Equal(t, c.calls, strings.Join(calls, ", "))
		})
	}
}

// Middleware wraps the handler as one of the end of the message, and its verdict counts.
func TestBeforeEndOfMessageInMiddleware(t *testing.T) {
	t.Parallel()
	var calls []string
	r := framework.NewRouter()
	r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			calls = append(calls, "around "+rt.Stage().String()+" "+ev.Stage().String())
			v, err := next(s, ev)
			return framework.Reject, errors.Join(err, map[bool]error{false: errLookup}[v == framework.Continue])
		}
	})
	r.BeforeEndOfMessage(func(*framework.Session) error { calls = append(calls, "before"); return nil })
	r.OnEndOfMessage(goesOn)
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertRejected(t)
	assert.Equal(t, []string{"around end of message end of message", "before"}, calls)
}

// The plan shows the handler, which asks nothing of the MTA.
func TestPlanOfBeforeEndOfMessage(t *testing.T) {
	t.Parallel()
	without, err := framework.NewRouter().Plan()
	require.NoError(t, err)
	r := framework.NewRouter()
	r.BeforeEndOfMessage(func(*framework.Session) error { return nil })
	where := lineAbove(here())
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.Equal(t, without.Protocol, plan.Protocol)
	assert.Equal(t, without.Actions, plan.Actions)
	assert.Contains(t, plan.Reasons, framework.Reason{
		Bit: "SMFIC_BODYEOB", Asked: true, Cause: "BeforeEndOfMessage", Filter: "main", Where: where,
	})
	assert.Contains(t, plan.String(), "+  SMFIC_BODYEOB")
}

func TestBeforeEndOfMessageWithoutAHandler(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.BeforeEndOfMessage(nil)
	_, err := r.Plan()
	assert.ErrorContains(t, err, "BeforeEndOfMessage without a handler")
}

// What is kept can be read by this handler alone.
func TestBeforeEndOfMessageReadsTheBody(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	body := r.WantBody()
	var got int64
	r.BeforeEndOfMessage(func(s *framework.Session) error { got = body.Size(s); return nil })
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
	assert.EqualValues(t, 3, got)
}
