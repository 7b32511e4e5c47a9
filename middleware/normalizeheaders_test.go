package middleware_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/internal/loop"
)

func TestCanonicalHeaderName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"subject": "Subject", "SUBJECT": "Subject", "Subject": "Subject",
		"mime-version": "MIME-Version", "Mime-Version": "MIME-Version", "MIME-VERSION": "MIME-Version",
		"message-id": "Message-ID", "resent-message-ID": "Resent-Message-ID", "in-reply-to": "In-Reply-To",
		"dkim-signature": "DKIM-Signature", "DOMAINKEY-signature": "DomainKey-Signature",
		"arc-seal": "ARC-Seal", "ARC-MESSAGE-SIGNATURE": "ARC-Message-Signature", "bimi-selector": "BIMI-Selector",
		"received-spf": "Received-SPF", "list-unsubscribe-post": "List-Unsubscribe-Post", "list-id": "List-Id",
		"content-id": "Content-ID", "content-transfer-ENCODING": "Content-Transfer-Encoding",
		"x-spam-flag": "X-Spam-Flag", "x-ms-has-attach": "X-MS-Has-Attach", "x--a": "X--A", "-": "-", "": "",
		"two words": "two words", "größe": "größe", "a:b": "a:b", "nul\x00": "nul\x00",
		strings.Repeat("a", 257): strings.Repeat("a", 257),
	} {
		assert.Equal(t, want, middleware.CanonicalHeaderName(name))
		assert.Equal(t, want, middleware.CanonicalHeaderName(want), "the canonical name stays")
	}
}

// looked is what a handler saw of a field.
type looked struct {
	name, value, raw string
	problem          error
}

// look registers a handler that records the fields, either as an answering
// handler or as an observer.
func look(r *framework.Router, answers bool, seen *[]looked) {
	keep := func(h *framework.Header) {
		*seen = append(*seen, looked{h.Name(), h.Value(), h.Raw(), h.Problem()})
	}
	if answers {
		r.OnHeader(func(_ *framework.Session, h *framework.Header) (framework.Verdict, error) {
			keep(h)
			return framework.Continue, nil
		})
		return
	}
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error { keep(h); return nil })
}

func TestNormalizeHeaders(t *testing.T) {
	t.Parallel()
	text := "SUBJECT: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n an alle\nmessage-id: <=?utf-8?q?a?=@x>\nX-A: =?klingon?q?a?=\n\nhi\n"
	for name, answers := range map[string]bool{"answering": true, "observing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wrapped, plain []looked
			r := framework.NewRouter()
			look(r.With(middleware.NormalizeHeaders(middleware.NormalizeConfig{})), answers, &wrapped)
			look(r, answers, &plain)
			res := miltertest.RunRouter(t, r, miltertest.Message(text))
			res.AssertUnmodified(t)
			assert.Equal(t, []looked{
				{"Subject", "grüße an alle", "=?utf-8?q?gr=C3=BC=C3=9Fe?=\n an alle", nil},
				{"Message-ID", "<=?utf-8?q?a?=@x>", "<=?utf-8?q?a?=@x>", nil},
				{"X-A", "a", "=?klingon?q?a?=", message.ErrUnknownCharset},
			}, wrapped)
			require.Len(t, plain, 3)
			assert.Equal(t, looked{"SUBJECT", "=?utf-8?q?gr=C3=BC=C3=9Fe?=\n an alle", "=?utf-8?q?gr=C3=BC=C3=9Fe?=\n an alle", nil}, plain[0])
			assert.Equal(t, "message-id", plain[1].name)
		})
	}
}

// With two NormalizeHeaders, the inner one is in effect.
func TestNormalizeHeadersTwice(t *testing.T) {
	t.Parallel()
	var seen []looked
	r := framework.NewRouter()
	r.Use(middleware.NormalizeHeaders(middleware.NormalizeConfig{MaxWords: 1}), middleware.NormalizeHeaders(middleware.NormalizeConfig{}))
	look(r, false, &seen)
	miltertest.RunRouter(t, r, miltertest.Message("subject: =?utf-8?q?a?= =?utf-8?q?b?=\n\nhi\n"))
	require.Len(t, seen, 1)
	assert.Equal(t, "ab", seen[0].value)
}

func TestNormalizeHeadersMistake(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	look(r.With(middleware.NormalizeHeaders(middleware.NormalizeConfig{MaxWords: -1})), true, new([]looked))
	_, err := r.Plan()
	assert.ErrorContains(t, err, "NormalizeHeaders: NormalizeConfig.MaxValue and MaxWords must not be negative")
}

// In a message with 10,000 fields, and in one with fields as large as a frame
// may be, all fields are decoded.
func TestNormalizeHeadersBomb(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("=?utf-8?q?=C3=BC?= ", 5000)
	var text strings.Builder
	for i := range 9_999 {
		fmt.Fprintf(&text, "x-%d: =?utf-8?q?=C3=BC_%d?=\n", i, i)
	}
	text.WriteString("x-large: " + large + "\n\nhi\n")
	var seen []looked
	r := framework.NewRouter()
	r.Use(middleware.NormalizeHeaders(middleware.NormalizeConfig{}))
	look(r, false, &seen)
	miltertest.RunRouter(t, r, miltertest.Message(text.String())).AssertUnmodified(t)
	require.Len(t, seen, 10_000)
	assert.Equal(t, looked{"X-9998", "ü 9998", "=?utf-8?q?=C3=BC_9998?=", nil}, seen[9998])
	assert.Equal(t, strings.TrimSpace(large), strings.TrimSpace(seen[9_999].raw))
	assert.ErrorIs(t, seen[9_999].problem, message.ErrTooMuchEncoded)
}

func TestPlansOfTheUnobtrusive(t *testing.T) {
	t.Parallel()
	plan := func(mws ...framework.Middleware) string {
		r := framework.NewRouter()
		r.Use(mws...)
		look(r, true, new([]looked))
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
		p, err := r.Plan()
		require.NoError(t, err)
		return p.String()
	}
	for name, mw := range map[string]framework.Middleware{
		"NormalizeHeaders": middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
		"Timeout":          middleware.Timeout(middleware.TimeoutConfig{Event: time.Second}),
		"DryRun":           middleware.DryRun(),
	} {
		golden(t, "unobtrusive", withoutLines(plan(mw)), name)
	}
	golden(t, "unobtrusive", withoutLines(plan()), "they add nothing")
}

//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfTheUnobtrusive(t *testing.T) {
	for name, mw := range map[string]framework.Middleware{
		"NormalizeHeaders": middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
		"Timeout":          middleware.Timeout(middleware.TimeoutConfig{Event: time.Hour}),
		"DryRun":           middleware.DryRun(),
	} {
		assert.Zero(t, testing.AllocsPerRun(100, turning(t, 50, 3, mw).Message), name)
	}
}

// turning returns a loop over a router whose handlers do nothing, with the
// given middleware.
func turning(t testing.TB, fields, chunks int, mws ...framework.Middleware) *loop.Loop {
	t.Helper()
	r := framework.NewRouter()
	r.Use(mws...)
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
	r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	l, err := loop.New(r, fields, chunks)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// perEvent reports the cost of one of 1000 events.
func perEvent(b *testing.B, mws ...framework.Middleware) {
	b.Helper()
	const events = 1000
	l := turning(b, events-4, 1, mws...)
	b.ReportAllocs()
	for b.Loop() {
		l.Message()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
}

func BenchmarkNothing(b *testing.B) { perEvent(b) }

func BenchmarkNormalizeHeaders(b *testing.B) {
	perEvent(b, middleware.NormalizeHeaders(middleware.NormalizeConfig{}))
}

// No word is decoded of a value that is longer than MaxValue. Without words it
// is no problem.
func TestMaxValue(t *testing.T) {
	t.Parallel()
	const word = "=?utf-8?q?a?="
	tooLong := word + strings.Repeat("x", 20-len(word)+1)
	for _, value := range []string{word, strings.Repeat(" ", 40) + word, tooLong[1:], tooLong, strings.Repeat("no word ", 10) + "here"} {
		var want error
		if value == tooLong {
			want = message.ErrTooMuchEncoded
		}
		r := framework.NewRouter()
		var problem error
		var shown string
		r.With(middleware.NormalizeHeaders(middleware.NormalizeConfig{MaxValue: 20})).ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
			problem, shown = h.Problem(), h.Value()
			return nil
		})
		miltertest.RunRouter(t, r, miltertest.Message("Subject: "+value+"\n\nhi\n")).AssertAccepted(t)
		assert.ErrorIs(t, problem, want, value)
		if want != nil {
			assert.Equal(t, value, shown)
		}
	}
}
