package miltertest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// register returns a filter whose registration does not fail.
func register(fn func(r *router)) framework.Filter {
	return miltertest.FilterFunc("wrong", func(r *router) error {
		fn(r)
		return nil
	})
}

// failing returns the checks that a filter fails, and their messages.
func failing(filter framework.Filter, opts ...miltertest.Option) (names []string, said string) {
	var all strings.Builder
	for _, check := range miltertest.Checks(filter, opts...) {
		out, ft := trial(func(t *fakeT) { check.Run(t) })
		if ft.failed {
			names = append(names, check.Name)
			all.WriteString(out)
		}
	}
	return names, all.String()
}

// Each check detects the filter with the mistake that it looks for. The other
// checks pass.
func TestWrongFilters(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	tests := []struct {
		check  string
		filter framework.Filter
		says   string
		// also reports whether another check must fail, too.
		also func(name string) bool
	}{
		{"plan", registersAnew(), "registers something different each time", nil},
		{"handlers", discardsAtConnect(), "the verdict cannot be given at this stage", nil},
		{"handlers", readsSizeEarly(), `filter "wrong" calls KeptBody at the stage end of headers: there is no body before the stage end of message`, nil},
		{"abort", closesAtTheEnd(), "X-Left-Open", nil},
		{"messages of one connection", countsInSession(), "of a connection", nil},
		{"body cut anywhere", searchesChunks(), "its body cut at", nil},
		{"missing macros", needsQueueID(), "no queue id", nil},
		{"missing wishes", needsItsWish(), "does not grant SMFIF_ADDHDRS, which is optional", nil},
		{"on Maddy", needsFolds(), "a handler failed on Maddy", nil},
		{"recipients", addsTwice(), "adds a recipient twice", nil},
		{"lent bytes", keepsChunk(), "uses bytes after the handler", func(name string) bool { return strings.HasSuffix(name, "a piece of the body at the end") }},
		{"lent bytes", keepsReplayed(), "behind another filter", func(name string) bool { return strings.Contains("neighbours handlers behind added fields", name) }},
		{"lent bytes", keepsReader(), `filter "wrong" uses a reader of KeptBody.Reader after its end of the message`, nil},
		{"lent bytes", readsInTheBackground(), `filter "wrong" uses a reader of KeptMessage.Reader after`, func(name string) bool { return name == "handlers" }},
		{"neighbours", readsAhead(), "a filter before this one panicked", func(name string) bool { return strings.Contains("handlers behind added fields", name) }},
		{"behind added fields", expectsItsFields(), "a handler failed because a filter before this one added fields", nil},
		{"behind added fields", countsFields(), "a filter before this one added fields", nil},
		{"fields of others", removesAll(), "fields Miltertest-Neighbour, Miltertest-Neighbour; message 0", func(name string) bool { return name == "behind added fields" }},
		{"fields of others", replacesItsField(), "fields x-checked, x-checked; message 0", nil},
		{"fields of others", renamesSubjects(), "fields subject; message 0", nil},
		{"behind changes", expectsTheClientsFields(), "because a filter before this one changed the message", nil},
		{"behind changes", countsRecipients(), "because a filter before this one changed the message", nil},
		{"large messages", countsTo500(), "too many fields", nil},
		{"goroutines", leaves(hang), "goroutines that a handler started are still running", nil},
		{"on Sendmail", onlyPostfix(), "on Sendmail differs from the answer on Postfix", func(name string) bool {
			return strings.HasPrefix(name, "on Sendmail") || name == "on Postfix by another name"
		}},
		{
			"on Postfix, version 2", needsTheSpace(), "on Postfix, version 2 differs",
			func(name string) bool { return strings.Contains(name, "version") || strings.HasSuffix(name, "LEADSPC") },
		},
		{"on Postfix, no angle brackets", looksForBrackets(), "no angle brackets", func(name string) bool { return name == "on Sendmail, no angle brackets" }},
	}
	for _, tt := range tests {
		t.Run(tt.check+": "+tt.says, func(t *testing.T) {
			t.Parallel()
			names, said := failing(tt.filter)
			assert.Contains(t, names, tt.check)
			assert.Contains(t, said, tt.says)
			others := slices.DeleteFunc(names, func(n string) bool { return n == tt.check || tt.also != nil && tt.also(n) })
			assert.Empty(t, others, "%.3000s", said)
		})
	}
}

func registersAnew() framework.Filter {
	var n atomic.Int32
	return register(func(r *router) { r.WantMacro(framework.StageEndOfMessage, fmt.Sprintf("macro_%d", n.Add(1))) })
}

func discardsAtConnect() framework.Filter {
	return register(func(r *router) {
		r.OnConnect(func(*session, *framework.Connect) (verdict, error) { return framework.Discard, nil })
	})
}

// readsSizeEarly reads the size of the body before the MTA has sent it.
func readsSizeEarly() framework.Filter {
	return register(func(r *router) {
		body := r.WantBody()
		r.OnEndOfHeaders(func(s *session, _ *framework.EndOfHeaders) (verdict, error) {
			if body.Size(s) > 1<<20 {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(*session, *endOfMessage) (verdict, error) { return framework.Continue, nil })
	})
}

// closesAtTheEnd does not handle aborted messages.
func closesAtTheEnd() framework.Filter {
	return register(func(r *router) {
		open, add := framework.PerConnection[bool](r), r.GrantAddHeader()
		r.OnMail(func(s *session, _ *framework.Mail) (verdict, error) {
			var err error
			if *open.Get(s) {
				err = add.Append(s, "X-Left-Open", "yes")
			}
			*open.Get(s) = true
			return framework.Continue, err
		})
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			*open.Get(s) = false
			return framework.Continue, nil
		})
	})
}

func countsInSession() framework.Filter {
	return register(func(r *router) {
		count := framework.PerConnection[int](r)
		field(r, "X-Number", func(s *session) any {
			*count.Get(s)++
			return *count.Get(s)
		})
	})
}

// searchesChunks does not find a word that is split between two chunks.
func searchesChunks() framework.Filter {
	return register(func(r *router) {
		found := framework.PerMessage[bool](r)
		r.ObserveBody(func(s *session, b *framework.Body) error {
			*found.Get(s) = *found.Get(s) || bytes.Contains(b.Chunk(), []byte("How"))
			return nil
		})
		field(r, "X-Found", func(s *session) any { return *found.Get(s) })
	})
}

func needsQueueID() framework.Filter {
	return register(func(r *router) {
		id := r.WantMacro(framework.StageEndOfMessage, "i")
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			if _, ok := id.Value(s); !ok {
				return framework.Continue, errors.New("no queue id")
			}
			return framework.Continue, nil
		})
	})
}

// addsTwice adds a recipient at two stages.
func addsTwice() framework.Filter {
	return register(func(r *router) {
		add := r.GrantAddRecipient()
		r.ObserveMail(func(s *session, _ *framework.Mail) error { return add.Add(s, "<archive@example.net>") })
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			return framework.Continue, add.Add(s, "archive@example.net")
		})
	})
}

// keepsChunk retains a lent chunk.
func keepsChunk() framework.Filter {
	return register(func(r *router) {
		kept := framework.PerMessage[[]byte](r)
		r.ObserveBody(func(s *session, b *framework.Body) error {
			*kept.Get(s) = b.Chunk()
			return nil
		})
		field(r, "X-Body", func(s *session) any { return bytes.ContainsAny(*kept.Get(s), "\xdb") })
	})
}

// keepsReplayed retains a lent chunk if the body is replayed to it. It detects
// a replay by a macro of the end of the message.
func keepsReplayed() framework.Filter {
	return register(func(r *router) {
		kept, addr := framework.PerMessage[[]byte](r), r.WantMacro(framework.StageEndOfMessage, "{client_addr}")
		at := framework.PerMessage[bool](r)
		r.ObserveHeader(func(s *session, _ *framework.Header) error {
			_, *at.Get(s) = addr.Value(s)
			return nil
		})
		r.ObserveBody(func(s *session, b *framework.Body) error {
			if *at.Get(s) {
				*kept.Get(s) = b.Chunk()
			}
			return nil
		})
		field(r, "X-Body", func(s *session) any { return bytes.ContainsAny(*kept.Get(s), "\xdb") })
	})
}

// keepsReader reads the body of the message before, and takes the error for its end.
func keepsReader() framework.Filter {
	return register(func(r *router) {
		body, before := r.WantBody(), framework.PerConnection[io.Reader](r)
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			if last := *before.Get(s); last != nil {
				_, _ = io.Copy(io.Discard, last)
			}
			*before.Get(s) = body.Reader(s)
			return framework.Continue, nil
		})
	})
}

// readsInTheBackground passes a message to a goroutine that outlives it.
func readsInTheBackground() framework.Filter {
	return register(func(r *router) {
		message := r.WantMessage()
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
			over, whole := s.Context().Done(), message.Reader(s)
			go func() {
				<-over
				_, _ = io.Copy(io.Discard, whole)
			}()
			return framework.Continue, nil
		})
	})
}

// readsAhead relies on a macro of the end of the message being absent earlier.
// But the header may be replayed to a lane at the end of the message.
func readsAhead() framework.Filter {
	return register(func(r *router) {
		early, addr := framework.PerMessage[bool](r), r.WantMacro(framework.StageEndOfMessage, "{client_addr}")
		r.ObserveHeader(func(s *session, _ *framework.Header) error {
			_, *early.Get(s) = addr.Value(s)
			return nil
		})
		field(r, "X-Early", func(s *session) any { return *early.Get(s) })
	})
}

func countsTo500() framework.Filter {
	return register(func(r *router) {
		count := framework.PerMessage[int](r)
		r.ObserveHeader(func(s *session, _ *framework.Header) error {
			if *count.Get(s)++; *count.Get(s) > 500 {
				return errors.New("too many fields")
			}
			return nil
		})
	})
}

func leaves(hang <-chan struct{}) framework.Filter {
	return register(func(r *router) {
		r.ObserveMail(func(*session, *framework.Mail) error {
			go func() { <-hang }()
			return nil
		})
	})
}

func onlyPostfix() framework.Filter {
	return register(func(r *router) {
		v := r.WantMacro(framework.StageConnect, "v")
		r.OnMail(func(s *session, _ *framework.Mail) (verdict, error) {
			if version, _ := v.Value(s); version != "" && !strings.HasPrefix(version, "Postfix") {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
	})
}

// needsTheSpace relies on the space after the colon, which old MTAs do not
// send.
func needsTheSpace() framework.Filter {
	return register(func(r *router) {
		r.WantRawHeaders()
		r.OnHeader(func(_ *session, h *framework.Header) (verdict, error) {
			if h.Is("Subject") && h.Raw() == "hello" {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
	})
}

func looksForBrackets() framework.Filter {
	return register(func(r *router) {
		r.OnRcpt(func(_ *session, rcpt *framework.Rcpt) (verdict, error) {
			if rcpt.Raw()[0] != '<' {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
	})
}

func TestSteadinessComesFirst(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	counter := register(func(r *router) { field(r, "X-Number", func(*session) any { return n.Add(1) }) })
	out, ft := trial(func(t *fakeT) { miltertest.Checks(counter)[0].Run(t) })
	assert.True(t, ft.failed)
	assert.Contains(t, out, "see miltertest.Fresh")

	fresh := func() framework.Filter {
		var n atomic.Int32
		return register(func(r *router) { field(r, "X-Number", func(*session) any { return n.Add(1) }) })
	}
	out, ft = trial(func(t *fakeT) { miltertest.Checks(nil, miltertest.Fresh(fresh))[0].Run(t) })
	assert.False(t, ft.failed, out)
}

func TestSuiteOptions(t *testing.T) {
	t.Parallel()
	named := func(opts ...miltertest.Option) (names []string) {
		for _, c := range miltertest.Checks(quiet(), opts...) {
			names = append(names, c.Name)
		}
		return names
	}
	assert.Contains(t, named(), "on Postfix, version 2")
	assert.NotContains(t, named(miltertest.Except("abort", "on Postfix, version 2")), "on Postfix, version 2")
	assert.Len(t, named(miltertest.Except("abort", "on Postfix, version 2")), len(named())-2)

	// TestFilter also sends the user's messages.
	panics := register(func(r *router) {
		r.OnRcpt(func(_ *session, rcpt *framework.Rcpt) (verdict, error) {
			if rcpt.Recipient() == "mine@example.net" {
				panic("found")
			}
			return framework.Continue, nil
		})
	})
	_, said := failing(panics)
	assert.Empty(t, said)
	names, said := failing(panics, miltertest.Messages(miltertest.Message(plain, miltertest.To("mine@example.net"))))
	assert.Equal(t, []string{"handlers", "behind changes"}, names)
	assert.Contains(t, said, "found")

	// Goroutines can be allowed, and TestFilter overrides the MTA.
	hang := make(chan struct{})
	defer close(hang)
	names, said = failing(leaves(hang), miltertest.AllowGoroutines(), miltertest.MTA(mta.Config{Flavor: mta.Sendmail}))
	assert.Empty(t, names, said)
}

// needsFolds expects Received fields in several lines, as servers write them.
func needsFolds() framework.Filter {
	return register(func(r *router) {
		r.ObserveHeader(func(_ *session, h *framework.Header) error {
			if h.Is("Received") && !strings.Contains(h.Value(), "\n") {
				return errors.New("not folded")
			}
			return nil
		})
		r.OnEndOfMessage(func(*session, *endOfMessage) (framework.Verdict, error) { return framework.Continue, nil })
	})
}

// needsItsWish uses an optional grant without asking whether the MTA grants it.
func needsItsWish() framework.Filter {
	return register(func(r *router) {
		add := r.GrantAddHeader(framework.Optional())
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Seen", "yes")
		})
	})
}
