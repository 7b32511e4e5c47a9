package framework_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// seenBody is the body of a message in the ways that a filter can read it.
type seenBody struct {
	chunks, kept string
	size         int64
	longest      int
}

// readingBody reads each body in every way.
func readingBody(seen *seenBody) framework.Filter {
	return miltertest.FilterFunc("reader", func(r *framework.Router) error {
		kept := r.WantBody()
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil }) // else it may be declined
		r.OnBody(func(_ *framework.Session, b *framework.Body) (framework.Verdict, error) {
			seen.chunks += string(b.Chunk())
			seen.longest = max(seen.longest, len(b.Chunk()))
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			all, err := io.ReadAll(kept.Reader(s))
			seen.kept, seen.size = string(all), kept.Size(s)
			return framework.Continue, err
		})
		return nil
	})
}

func stalwart(change func(*mta.Config)) miltertest.Personality {
	p := miltertest.Stalwart()
	if change != nil {
		change(&p.MTA)
	}
	return p
}

// Filters see the body without the header that Stalwart sends in front of it, whatever the
// body is and however it is cut.
func TestHeaderInBodyIsCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("X-Long: "+strings.Repeat("x", 60)+"\n", 3000)
	for name, text := range map[string]string{
		"short":                 "Subject: hello\n\nHow are you?\n",
		"folded":                "Subject: hello\n\t again\nX-Two: a\n  b\n\ttab \n\ntext\n",
		"no body":               "Subject: hello\n\n",
		"no header":             "\ntext\n",
		"a header in the body":  "Subject: hello\n\nSubject: hello\n\nSubject: hello\n\n",
		"not UTF-8":             "X-Latin: Gr\xfc\xdfe\nSubject: hello\n\nGr\xfc\xdfe\n",
		"empty and odd fields":  "X-Empty:\nX-Spaces:   \nSubject:no space\n\ntext\n",
		"the header is large":   long + "\ntext\n",
		"the body is large":     "Subject: hello\n\n" + strings.Repeat("0123456789\n", 20_000),
		"the end in two chunks": "Subject: " + strings.Repeat("x", 65_535-len("Subject: \r\n\r")) + "\n\ntext\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			msg := miltertest.Message(text)
			for _, p := range []miltertest.Personality{
				stalwart(nil), stalwart(func(c *mta.Config) { c.Offer.Version = 2 }),
				stalwart(nil).With(mta.BodyInEnd),
				stalwart(func(c *mta.Config) { c.Offer.Protocol |= wire.ProtoSkip }), // shown by its name
			} {
				var seen seenBody
				res := miltertest.Run(t, readingBody(&seen), msg, miltertest.As(p))
				res.AssertAccepted(t)
				assert.Equal(t, string(msg.Body), seen.chunks, p.Name)
				assert.Equal(t, string(msg.Body), seen.kept)
				assert.Len(t, msg.Body, int(seen.size))
				assert.LessOrEqual(t, seen.longest, wire.MaxBodyChunk)
			}
		})
	}
}

// The cuts between chunks have no effect.
func TestHeaderInBodyCutAnywhere(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message("A: 1\nB: 2\n 3\n\nC: 4\n\ntext\n")
	whole := len(msg.Bytes())
	for at := 1; at < whole; at++ {
		m := *msg
		m.Body, m.Header = msg.Bytes(), msg.Header
		m.Cuts = []int{at, at + 1}
		var seen seenBody
		// The test sends the header in the body itself, so that it can cut it.
		p := stalwart(func(c *mta.Config) { c.Quirks = c.Quirks.Without(mta.HeaderInBody) })
		miltertest.Run(t, readingBody(&seen), &m, miltertest.As(p)).AssertAccepted(t)
		require.Equal(t, string(msg.Body), seen.chunks, at)
	}
}

// Behind any other MTA, a body that repeats the header is the body: a sender must not be able to
// hide a part of it from a filter that verifies a signature.
func TestRepeatedHeaderOfSenderIsBody(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message("A: 1\n\nA: 1\n\ntext\n")
	for _, p := range append(miltertest.Personalities(), miltertest.Plain()) {
		var seen seenBody
		miltertest.Run(t, readingBody(&seen), msg, miltertest.As(p)).AssertAccepted(t)
		assert.Equal(t, "A: 1\r\n\r\ntext\r\n", seen.chunks, p.Name)
	}
}

// A Stalwart that has learned to send the body alone is served, too.
func TestStalwartWithoutHeaderInBody(t *testing.T) {
	t.Parallel()
	p := stalwart(func(c *mta.Config) { c.Quirks = c.Quirks.Without(mta.HeaderInBody) })
	for _, text := range []string{"A: 1\n\ntext\n", "A: 1\n\nB: 1\n\ntext\n", "A: 1\n\n", "A: 1\n\n" + strings.Repeat("line\n", 30_000)} {
		msg := miltertest.Message(text)
		var seen seenBody
		miltertest.Run(t, readingBody(&seen), msg, miltertest.As(p)).AssertAccepted(t)
		assert.Equal(t, string(msg.Body), seen.chunks)
		assert.LessOrEqual(t, seen.longest, wire.MaxBodyChunk)
	}
}

// What is kept until the end of the header is bounded, and counts against the budget.
func TestHeaderInBodyIsBounded(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message("A: 1\n\n" + strings.Repeat("x", 100_000) + "\n")
	p := miltertest.As(stalwart(func(c *mta.Config) { c.Quirks = c.Quirks.Without(mta.HeaderInBody) }))
	var seen seenBody
	miltertest.Run(t, readingBody(&seen), msg, p, miltertest.Configure(func(c *framework.Config) { c.MaxHeaderBytes = 1000 })).AssertAccepted(t)
	assert.Equal(t, string(msg.Body), seen.chunks, "longer than any header: it is the body")

	msg, seen = miltertest.Message("A: 1\n\n"+strings.Repeat("x", 60_000)+"\n"), seenBody{}
	miltertest.Run(t, readingBody(&seen), msg, miltertest.As(stalwart(nil)),
		miltertest.Configure(func(c *framework.Config) { c.MaxHeaderBytes = 1000 })).AssertAccepted(t)
	assert.Equal(t, string(msg.Body), seen.chunks, "the limit is for the header, not for the chunk that it comes in")

	var little seenBody
	srv := miltertest.NewServer(t, readingBody(&little), p, miltertest.Configure(func(c *framework.Config) { c.MemoryBudget = 10_000 }))
	res := srv.Dial(t).Run(t, msg)
	assert.Equal(t, []string{"452 4.3.1 the mail filter is short of storage, try again later"}, res.Verdict.Lines())
	assert.Empty(t, little.chunks)
	assert.Len(t, logged(srv, slog.LevelWarn), 1)
	assert.Zero(t, srv.Stats().KeptMemory, "it was given back")
}

// A new body replaces the body alone, and the lines of new fields end with CRLF on the wire,
// because Stalwart writes them as they are.
func TestEditsOnStalwart(t *testing.T) {
	t.Parallel()
	filter := miltertest.FilterFunc("editor", func(r *framework.Router) error {
		add, change, body := r.GrantAddHeader(), r.GrantChangeHeader(), r.GrantReplaceBody()
		fields := r.WantHeaders()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for f := range fields.All(s) {
				if f.Name == "Subject" {
					assert.Equal(t, "hello\n again", f.Value)
					if err := change.Change(s, f.Handle, "new\n\tlines"); err != nil {
						return framework.Continue, err
					}
				}
			}
			if err := add.Append(s, "X-Two", "a\n b"); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, body.Replace(s, []byte("new\r\n"))
		})
		return nil
	})
	res := miltertest.Run(t, filter, miltertest.Message("Subject: hello\n again\n\ntext\n"), miltertest.As(miltertest.Stalwart()))
	res.AssertAccepted(t)
	assert.Equal(t, "new\r\n", res.Body())
	assert.Contains(t, res.Transcript, `"new\r\n\tlines"`)
	assert.Contains(t, res.Transcript, `"a\r\n b"`)
	res = miltertest.Run(t, filter, miltertest.Message("Subject: hello\n again\n\ntext\n"))
	assert.Contains(t, res.Transcript, `"a\n b"`, "other MTAs want LF")
}

// Each message of a connection is recognised anew, and one that ends early leaves nothing.
func TestStalwartAgain(t *testing.T) {
	t.Parallel()
	var seen seenBody
	srv := miltertest.NewServer(t, readingBody(&seen), miltertest.As(miltertest.Stalwart()))
	conn := srv.Dial(t)
	want := ""
	for i, text := range []string{"A: 1\n\none\n", "B: 2\nC: 3\n\ntwo\n", "A: 1\n\nthree\n"} {
		_, err := conn.SendPart(t.Context(), miltertest.Message("Z: 9\n\nlost\n"), 3+i)
		require.NoError(t, err)
		msg := miltertest.Message(text)
		conn.Run(t, msg).AssertAccepted(t)
		want += string(msg.Body)
	}
	assert.Equal(t, want, seen.chunks)
}

// An accept at any stage ends the message for the filter, whatever Stalwart still sends.
func TestAcceptAtEachStageOnStalwart(t *testing.T) {
	t.Parallel()
	for i, twin := range stageTwins() {
		if twin.stage == framework.StageHelo || twin.stage == framework.StageUnknown {
			continue // HELO ends nothing, and Stalwart sends no UNKNOWN
		}
		t.Run(twin.stage.String(), func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			events := noted(r, twin.stage, framework.Accept)
			srv := miltertest.NewRouterServer(t, r, miltertest.As(miltertest.Stalwart()))
			conn := srv.Dial(t)
			conn.Run(t, letter()).AssertAccepted(t)
			require.NoError(t, conn.Quit(t.Context()))
			srv.Close(t)
			seen := strings.Trim(events.String(), "AQ")
			assert.NotContains(t, seen, "E", "the end of the message is not shown any more")
			letters := "CHMRTLNB"
			assert.Equal(t, letters[i], seen[len(seen)-1], seen)
			assert.Empty(t, logged(srv, slog.LevelWarn))
		})
	}
}

// If the header ends with a line that is no field, Stalwart shows the fields before it and
// repeats all. The body begins with that line, as behind other MTAs, and is in doubt, because
// Stalwart leaves the line out if a filter edits the header.
func TestLineThatIsNoFieldOnStalwart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent, body string
		doubt      bool
	}{
		"at the end":       {"A: 1\r\nline\r\n\r\ntext\r\n", "line\r\n\r\ntext\r\n", true},
		"fields follow":    {"A: 1\r\nline\r\nC: 3\r\n\r\ntext\r\n", "line\r\nC: 3\r\n\r\ntext\r\n", true},
		"another field":    {"A: 1\r\nC: 3\r\n\r\ntext\r\n", "A: 1\r\nC: 3\r\n\r\ntext\r\n", true},
		"no such line":     {"A: 1\r\n\r\nline\r\ntext\r\n", "line\r\ntext\r\n", false},
		"the body alone":   {"line\r\n\r\ntext\r\n", "line\r\n\r\ntext\r\n", false},
		"no body, no line": {"A: 1\r\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var doubt bool
			var seen seenBody
			filter := miltertest.FilterFunc("asks", func(r *framework.Router) error {
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					doubt = s.BodyInDoubt()
					return framework.Continue, nil
				})
				return readingBody(&seen).Register(r)
			})
			// The test sends the header in the body itself, with the line.
			p := stalwart(func(c *mta.Config) { c.Quirks = c.Quirks.Without(mta.HeaderInBody) })
			conn := miltertest.NewServer(t, filter, miltertest.As(p)).Dial(t)
			msg := miltertest.Message("A: 1\n\n")
			msg.Body = []byte(c.sent)
			conn.Run(t, msg).AssertAccepted(t)
			assert.Equal(t, c.body, seen.chunks)
			assert.Equal(t, c.doubt, doubt)

			seen = seenBody{}
			whole := *msg
			whole.Body = []byte("A: 1\r\n\r\nnext\r\n")
			conn.Run(t, &whole).AssertAccepted(t)
			assert.Equal(t, "next\r\n", seen.chunks)
			assert.False(t, doubt, "it is that of the message before")
		})
	}
}
