package middleware_test

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
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

func TestDecodeHeaderValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value, want string
		err         error
	}{
		"plain":                   {"hello, world", "hello, world", nil},
		"UTF-8 as it is":          {"größe 日本", "größe 日本", nil},
		"folded":                  {"one\n two\n\tthree ", "one two\tthree", nil},
		"folded with CRLF":        {" one\r\n two", "one two", nil},
		"Q":                       {"=?utf-8?q?gr=C3=BC=c3=9fe_an?= alle", "grüße an alle", nil},
		"B":                       {"=?UTF-8?B?Z3LDvMOfZQ==?=", "grüße", nil},
		"B without padding":       {"=?UTF-8?b?Z3LDvMOfZQ?=", "grüße", nil},
		"Latin-1":                 {"=?iso-8859-1?Q?gr=FC=DFe?=", "grüße", nil},
		"Windows by its alias":    {"=?cp1252?Q?=80?=", "€", nil},
		"Shift JIS":               {"=?shift_jis?B?k/qWew==?=", "日本", nil},
		"ISO-2022-JP":             {"=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "日本", nil},
		"GB2312":                  {"=?gb2312?B?1tDOxA==?=", "中文", nil},
		"Big5":                    {"=?big5?B?pKSk5Q==?=", "中文", nil},
		"HZ":                      {"=?HZ-GB-2312?Q?~{VPND~}?=", "中文", nil},
		"KOI8":                    {"=?koi8-r?Q?=CD=C9=D2?=", "мир", nil},
		"a language":              {"=?utf-8*de?q?ja?=", "ja", nil},
		"space between words":     {"=?utf-8?q?a?= \t =?utf-8?q?b?=", "ab", nil},
		"space and folds between": {"=?utf-8?q?a?=\n =?iso-8859-1?q?b?=", "ab", nil},
		"space around text":       {"x =?utf-8?q?a?= y =?utf-8?q?b?= z", "x a y b z", nil},
		"words without space":     {"=?utf-8?q?a?==?utf-8?q?b?=", "ab", nil},
		"a character cut in two":  {"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü", nil},
		"cut over B and Q":        {"=?utf-8?b?5pel?= =?UTF-8?q?=E6=9C?= =?utf-8?q?=AC?=", "日本", nil},
		"spaces in a word":        {"=?utf-8?q?a b?=", "a b", nil},
		"an empty word":           {"a =?utf-8?q??= b", "a  b", nil},
		"encoded line ends":       {"=?utf-8?q?a=0D=0ABcc:_x=00y=0A?=", "a Bcc: x y ", nil},
		"unknown charset":         {"=?x-klingon?q?a?= =?utf-8?q?b?=", "=?x-klingon?q?a?=b", middleware.ErrUnknownCharset},
		"UTF-7":                   {"=?utf-7?q?+AGE-?=", "=?utf-7?q?+AGE-?=", middleware.ErrUnknownCharset},
		"bytes that are no text":  {"=?utf-8?q?=FF?=", "\ufffd", middleware.ErrNotText},
		"half of Shift JIS":       {"=?shift_jis?B?kw==?=", "\ufffd", middleware.ErrNotText},
		"raw Latin-1":             {"gr\xfc\xdfe", "gr\ufffde", middleware.ErrNotText},
		"raw, before a word":      {"\xfc =?utf-8?q?a?=", "\ufffd a", middleware.ErrNotText},
		"NUL":                     {"a\x00b", "a b", nil},
		"no base64":               {"=?utf-8?b?!?= x", "=?utf-8?b?!?= x", nil},
		"no hexadecimal":          {"=?utf-8?q?=GG?=", "=?utf-8?q?=GG?=", nil},
		"half hexadecimal":        {"=?utf-8?q?=A?=", "=?utf-8?q?=A?=", nil},
		"no such encoding":        {"=?utf-8?x?a?=", "=?utf-8?x?a?=", nil},
		"a bad word after a good": {"=?utf-8?q?a?= =?utf-8?q?=?=", "a =?utf-8?q?=?=", nil},
		"not the end":             {"=?utf-8?q?abc", "=?utf-8?q?abc", nil},
		"no charset":              {"=??q?a?=", "=??q?a?=", nil},
		"just begun":              {"a =?", "a =?", nil},
		"begun twice":             {"=?=?utf-8?q?a?=", "=?a", nil},
		"empty":                   {"", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := middleware.DecodeHeaderValue(c.value)
			assert.Equal(t, c.want, got)
			assert.ErrorIs(t, err, c.err)
		})
	}
}

// bombs returns values that are meant to cost time or memory.
func bombs() map[string]string {
	const mebibyte = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, mebibyte/len(s)) }
	return map[string]string{
		"a mebibyte of text":      fill("x"),
		"begins without end":      fill("=?"),
		"words without end":       fill("=?u?q?"),
		"a bad byte at the end":   fill("=?u?q?=41") + "=\x01?=",
		"words":                   fill("=?utf-8?q?=C3=BC?= "),
		"words in turns":          fill("=?utf-8?q?a?= =?latin1?q?b?= "),
		"one long word":           "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(fill("ü"))) + "?=",
		"5000 words":              strings.Repeat("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\n ", 5000),
		"5000 unknown":            strings.Repeat("=?klingon?q?a?= ", 5000),
		"folds":                   fill("\n "),
		"bytes that are no text":  fill("\xff"),
		"charset without end":     "=?" + fill("x"),
		"carriage returns":        fill("\r"),
		"questions":               fill("?="),
		"a word of nothing but =": "=?utf-8?q?" + fill("=") + "?=",
	}
}

//nolint:paralleltest // memory is counted for the whole process
func TestHeaderBombs(t *testing.T) {
	for name, value := range bombs() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			got, _ := middleware.DecodeHeaderValue(value)
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			assert.Less(t, took, 20*time.Second)
			assert.LessOrEqual(t, len(got), 3*len(value))
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16*len(value)))
			assert.True(t, utf8.ValidString(got))
		})
	}
}

func TestHeaderLimits(t *testing.T) {
	t.Parallel()
	word := "=?utf-8?q?a?="
	long := strings.Repeat("x", 128<<10) + word
	got, err := middleware.DecodeHeaderValue(long)
	assert.Equal(t, long, got)
	require.ErrorIs(t, err, middleware.ErrTooMuchEncoded)
	got, err = middleware.DecodeHeaderValue(strings.Repeat(word+" ", 1002))
	assert.Equal(t, strings.Repeat("a", 1000)+" "+word+" "+word, got)
	assert.ErrorIs(t, err, middleware.ErrTooMuchEncoded)
}

func FuzzDecodeHeaderValue(f *testing.F) {
	f.Add("=?utf-8?q?a?= =?iso-2022-jp?b?GyRC?=\n x\xff")
	f.Add("=?utf-16?b?/v8A?==?gb18030?q?=84?=")
	f.Fuzz(func(t *testing.T, value string) {
		got, _ := middleware.DecodeHeaderValue(value)
		assert.True(t, utf8.ValidString(got), "%q", got)
		assert.False(t, strings.ContainsAny(got, "\r\n\x00"), "%q", got)
		assert.LessOrEqual(t, len(got), 4*len(value)+8)
	})
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
				{"X-A", "=?klingon?q?a?=", "=?klingon?q?a?=", middleware.ErrUnknownCharset},
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
// may be, all fields are decoded in a short time.
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
	begin := time.Now()
	miltertest.RunRouter(t, r, miltertest.Message(text.String())).AssertUnmodified(t)
	assert.Less(t, time.Since(begin), 2*time.Minute)
	require.Len(t, seen, 10_000)
	assert.Equal(t, looked{"X-9998", "ü 9998", "=?utf-8?q?=C3=BC_9998?=", nil}, seen[9998])
	assert.Equal(t, strings.TrimSpace(large), strings.TrimSpace(seen[9_999].raw))
	assert.ErrorIs(t, seen[9_999].problem, middleware.ErrTooMuchEncoded)
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

func BenchmarkDecodeHeaderValue(b *testing.B) {
	for name, value := range map[string]string{
		"plain": "Re: the meeting of next week", "word": "=?utf-8?q?gr=C3=BC=C3=9Fe?= to all",
		"Latin-1": "=?iso-8859-1?q?gr=FC=DFe?= to all",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = middleware.DecodeHeaderValue(value)
			}
		})
	}
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
			want = middleware.ErrTooMuchEncoded
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
