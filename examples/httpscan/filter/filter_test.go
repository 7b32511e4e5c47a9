package filter_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/httpscan/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// scanner serves a scanner until the test ends, and returns a filter that asks it.
func scanner(t *testing.T, serve http.HandlerFunc) filter.Filter {
	t.Helper()
	srv := httptest.NewServer(serve)
	t.Cleanup(srv.Close)
	return filter.Filter{URL: srv.URL + "/checkv2"}
}

// answers reads the message, and then answers.
func answers(status int, answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}
}

const text = "Subject: hello\nX-Spam-Flag: 1\nX-Spam-Flag: 2\nX-Spam-Flag: 3\n\nHow are you?\n"

const unscanned = "451 4.3.0"

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ answer, want string }{
		"reject":                    {`{"action":"reject","score":20}`, "554 5.7.1 spam message rejected"},
		"reject with a message":     {`{"action":"reject","messages":{"smtp_message":"Gtube pattern"}}`, "554 5.7.1 Gtube pattern"},
		"soft reject":               {`{"action":"soft reject"}`, "451 4.7.1 try again later"},
		"soft reject, message":      {`{"action":"soft reject","messages":{"smtp_message":"Greylisted"}}`, "451 4.7.1 Greylisted"},
		"a message with controls":   {`{"action":"reject","messages":{"smtp_message":"a\u001b[2J\r\n250 ok"}}`, "554-5.7.1 a [2J\n554 5.7.1 250 ok"},
		"edits of refused mail":     {`{"action":"reject","milter":{"add_headers":{"No Name":"x"}}}`, "554 5.7.1"},
		"a message of another type": {`{"action":"reject","messages":{"smtp_message":1,"x":[]}}`, "554 5.7.1 spam message rejected"},
		"an unknown action":         {`{"action":"explode"}`, unscanned},
		"discard":                   {`{"action":"discard"}`, unscanned},
		"quarantine":                {`{"action":"quarantine"}`, unscanned},
		"to remove in an odd form":  {`{"action":"no action","milter":{"remove_headers":{"X-Spam-Flag":"all"}}}`, unscanned},
		"no action at all":          {`{}`, unscanned},
		"not JSON":                  {`<html>`, unscanned},
		"nothing":                   {``, unscanned},
		"cut off":                   {`{"action":"no action"`, unscanned},
		"a list":                    {`[{"action":"no action"}]`, unscanned},
		"an action of another type": {`{"action":1}`, unscanned},
		"a name with a line end":    {`{"action":"no action","milter":{"add_headers":{"X\r\nBcc: x":"y"}}}`, unscanned},
		"an empty name":             {`{"action":"no action","milter":{"add_headers":{"":"y"}}}`, unscanned},
		"deeply nested":             {strings.Repeat("[", 1<<19), unscanned},
		"huge":                      {`{"action":"no action","x":"` + strings.Repeat("x", 1<<20) + `"}`, unscanned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, scanner(t, answers(200, c.answer)), miltertest.Message(text))
			assert.Contains(t, res.Reply(), c.want)
			assert.False(t, res.Delivered())
		})
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	milter := func(edits string) string { return `{"action":"no action","milter":{` + edits + `}}` }
	const rest = "X-Spam-Flag: 1\r\nX-Spam-Flag: 2\r\nX-Spam-Flag: 3\r\n"
	for name, c := range map[string]struct{ answer, want string }{
		"no action":             {`{"action":"no action","subject":"unused"}`, "Subject: hello\r\n" + rest},
		"greylist":              {`{"action":"greylist"}`, "Subject: hello\r\n" + rest},
		"add header":            {`{"action":"add header"}`, "Subject: hello\r\n" + rest + "X-Spam: Yes\r\n"},
		"rewrite subject":       {`{"action":"rewrite subject","subject":"[spam] hello"}`, "Subject: [spam] hello\r\n" + rest},
		"rewritten in UTF-8":    {`{"action":"rewrite subject","subject":"[spam] ä"}`, "Subject: [spam] =?utf-8?q?=C3=A4?=\r\n" + rest},
		"rewritten with lines":  {`{"action":"rewrite subject","subject":"a\r\nBcc: x"}`, "Subject: aBcc: x\r\n" + rest},
		"added":                 {milter(`"add_headers":{"X-B":"b","X-A":"a"}`), "Subject: hello\r\n" + rest + "X-A: a\r\nX-B: b\r\n"},
		"a list":                {milter(`"add_headers":{"X-A":["1",{"value":"2"},3,null]}`), "Subject: hello\r\n" + rest + "X-A: 1\r\nX-A: 2\r\n"},
		"at the top":            {milter(`"add_headers":{"X-A":{"value":"a","order":0}}`), "X-A: a\r\nSubject: hello\r\n" + rest},
		"at a place":            {milter(`"add_headers":{"X-A":{"value":"a","order":2}}`), "Subject: hello\r\nX-A: a\r\n" + rest},
		"beyond the end":        {milter(`"add_headers":{"X-A":{"value":"a","order":1e300}}`), "Subject: hello\r\n" + rest + "X-A: a\r\n"},
		"from the bottom":       {milter(`"add_headers":{"X-A":{"value":"a","order":-1}}`), "Subject: hello\r\n" + rest + "X-A: a\r\n"},
		"a value with a field":  {milter(`"add_headers":{"X-A":"a\r\nBcc: x\r\n\r\nbody"}`), "Subject: hello\r\n" + rest + "X-A: a\r\n Bcc: x\r\n body\r\n"},
		"NUL and CR":            {milter(`"add_headers":{"X-A":"a\u0000b\rc"}`), "Subject: hello\r\n" + rest + "X-A: a b c\r\n"},
		"removed":               {milter(`"remove_headers":{"x-spam-flag":0}`), "Subject: hello\r\n"},
		"the second":            {milter(`"remove_headers":{"X-Spam-Flag":2}`), "Subject: hello\r\nX-Spam-Flag: 1\r\nX-Spam-Flag: 3\r\n"},
		"from the bottom, not":  {milter(`"remove_headers":{"X-Spam-Flag":-1}`), "Subject: hello\r\n" + rest},
		"one that is not there": {milter(`"remove_headers":{"X-Spam-Flag":4,"X-None":0,"":0}`), "Subject: hello\r\n" + rest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, scanner(t, answers(200, c.answer)), miltertest.Message(text))
			res.AssertAccepted(t)
			require.NotNil(t, res.Edited)
			var got strings.Builder
			for _, f := range res.Edited.Header {
				fmt.Fprintf(&got, "%s: %s\r\n", f.Name, strings.ReplaceAll(strings.TrimPrefix(f.Value, " "), "\n", "\r\n"))
			}
			assert.Equal(t, c.want, strings.ReplaceAll(got.String(), "\r\r", "\r"))
		})
	}
}

func TestStatusIsNotOK(t *testing.T) {
	t.Parallel()
	for _, status := range []int{204, 301, 403, 404, 429, 500, 503} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			f := scanner(t, answers(status, ""))
			assert.Contains(t, miltertest.Run(t, f, miltertest.Message(text)).Reply(), unscanned)
			miltertest.Run(t, f, miltertest.Message(text), miltertest.Lane(framework.FailOpen())).AssertAccepted(t)
		})
	}
}

// An early question shows the scanner the message as it came, and what the scanner removes
// is counted in that message, although a filter mounted before has deleted a field.
func TestEarly(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	f := scanner(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		seen <- string(body)
		_, _ = io.WriteString(w, `{"action":"no action","milter":{"remove_headers":{"X-Spam-Flag":2},"add_headers":{"X-A":"a"}}}`)
	})
	f.Early = true
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("before", func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, change.Delete(s, framework.NthHeader("X-Spam-Flag", 1))
		})
		return nil
	}))
	r.Mount(f)
	res := miltertest.RunRouter(t, r, miltertest.Message(text))
	res.AssertAccepted(t)
	assert.Equal(t, strings.ReplaceAll(text, "\n", "\r\n"), <-seen)
	assert.Equal(t, []string{"3"}, res.HeaderValues("X-Spam-Flag"))
	assert.Equal(t, "a", res.Header("X-A"))
}

// An early question that fails, fails the message.
func TestEarlyFails(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]filter.Filter{
		"gone": {URL: "http://127.0.0.1:1/checkv2"}, "no URL": {URL: "%"}, "an error": scanner(t, answers(500, "")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.Early = true
			assert.Contains(t, miltertest.Run(t, f, miltertest.Message(large)).Reply(), unscanned)
			miltertest.Run(t, f, miltertest.Message(large), miltertest.Lane(framework.FailOpen())).AssertAccepted(t)
		})
	}
}

// What the filter keeps while the scanner works counts for the memory budget, so that a client
// cannot make it keep more by many recipients or fields.
func TestMemory(t *testing.T) {
	t.Parallel()
	many := func(format string) (all []string) {
		for i := range 900 {
			all = append(all, fmt.Sprintf(format, i))
		}
		return all
	}
	for name, msg := range map[string]*mta.Message{
		"fields":     miltertest.Message(strings.Join(many("X-%d: x\n"), "") + "\nbody\n"),
		"recipients": miltertest.Message(text, miltertest.To(many(strings.Repeat("x", 60)+"%d@example.org")...)),
	} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprint(name, early), func(t *testing.T) {
				t.Parallel()
				f := scanner(t, answers(200, `{"action":"no action"}`))
				f.Early = early
				for budget, want := range map[int64]string{200 << 10: "452 4.3.1", 1 << 20: ""} {
					res := miltertest.Run(t, f, msg, miltertest.Configure(func(cfg *framework.Config) { cfg.MemoryBudget = budget }))
					assert.Contains(t, res.Reply(), want)
					assert.Equal(t, want == "", res.Delivered())
				}
			})
		}
	}
}

// A redirect leads the message nowhere else.
func TestRedirect(t *testing.T) {
	t.Parallel()
	f := scanner(t, func(w http.ResponseWriter, r *http.Request) {
		if assert.Equal(t, "/checkv2", r.URL.Path) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}
	})
	assert.Contains(t, miltertest.Run(t, f, miltertest.Message(text)).Reply(), unscanned)
}

func TestScannerIsGone(t *testing.T) {
	t.Parallel()
	f := filter.Filter{URL: "http://127.0.0.1:1/checkv2"}
	assert.Contains(t, miltertest.Run(t, f, miltertest.Message(text)).Reply(), unscanned)
	res := miltertest.Run(t, f, miltertest.Message(text), miltertest.Lane(framework.FailOpen()))
	res.AssertAccepted(t)
	res.AssertUnmodified(t)
}

// A scanner that hangs, before its answer or within it, costs the time limit of the handler.
func TestHangs(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"before": "", "within": `{"action":`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := scanner(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if begin != "" {
					_, _ = io.WriteString(w, begin)
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			})
			soon := framework.With(middleware.Timeout(middleware.TimeoutConfig{Event: 100 * time.Millisecond}))
			assert.Contains(t, miltertest.Run(t, f, miltertest.Message(text), miltertest.Lane(soon)).Reply(), unscanned)
		})
	}
}

// large is a message that no socket holds at once.
var large = "Subject: large\n\n" + strings.Repeat(strings.Repeat("x", 70)+"\n", 20_000)

// A scanner may answer before it has read the message. The HTTP client must not read the
// message after the handler has returned.
func TestAnswersEarly(t *testing.T) {
	t.Parallel()
	f := scanner(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"action":"reject"}`) })
	srv := miltertest.NewServer(t, f)
	conn := srv.Dial(t)
	for range 5 {
		res := conn.Run(t, miltertest.Message(large))
		assert.False(t, res.Delivered())
	}
}

// asked is what a scanner was asked.
type asked struct {
	method, path, body string
	length             int64
	header             http.Header
}

// asks sends a message through the filter and returns what the scanner was asked.
func asks(t *testing.T, msg *mta.Message) asked {
	t.Helper()
	got := make(chan asked, 1)
	f := scanner(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got <- asked{r.Method, r.URL.Path, string(body), r.ContentLength, r.Header}
		_, _ = io.WriteString(w, `{"action":"no action"}`)
	})
	miltertest.Run(t, f, msg).AssertAccepted(t)
	return <-got
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	q := asks(t, miltertest.Message("Subject: a\n b\nX:no space\n\nbody\n", miltertest.Client("192.0.2.7"),
		miltertest.ClientName("mail.example.org"), miltertest.Helo("helo.example.org"), miltertest.Auth("ann"),
		miltertest.From("ann@example.org"), miltertest.To("bob@example.net", "carol@example.net"), miltertest.QueueID("4Zqueue")))
	const body = "Subject: a\r\n b\r\nX:no space\r\n\r\nbody\r\n"
	assert.Equal(t, asked{"POST", "/checkv2", body, int64(len(body)), http.Header{
		"Milter": {"Yes"}, "Queue-Id": {"4Zqueue"}, "Ip": {"192.0.2.7"}, "Hostname": {"mail.example.org"},
		"Helo": {"helo.example.org"}, "User": {"ann"}, "From": {"ann@example.org"},
		"Rcpt": {"bob@example.net", "carol@example.net"}, "Content-Length": {fmt.Sprint(len(body))},
		"User-Agent": {"Go-http-client/1.1"}, "Accept-Encoding": {"gzip"}, "Connection": {"close"},
	}}, q)
}

// A client without an address, without a login and with an odd name is scanned too.
func TestQuestionOfOddClients(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message(text, miltertest.From(""), miltertest.Helo("a\tb\x01\x7f\xffc"))
	msg.Client = mta.Client{Host: "localhost", Family: wire.FamilyUnix, Addr: "/run/mail.sock"}
	q := asks(t, msg)
	for _, name := range []string{"Ip", "User", "From"} {
		assert.Empty(t, q.header.Get(name))
	}
	assert.Equal(t, "a\tb  ?c", q.header.Get("Helo"))
}

// A compressed answer is limited by its length in full.
func TestCompressedAnswer(t *testing.T) {
	t.Parallel()
	for fill, want := range map[int]string{10: "554 5.7.1", 2 << 20: unscanned} {
		f := scanner(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, `{"x":"`+strings.Repeat("x", fill)+`","action":"reject"}`)
			_ = z.Close()
		})
		assert.Contains(t, miltertest.Run(t, f, miltertest.Message(text)).Reply(), want)
	}
}

// The scanner sees what filters before left, its edits are seen by filters behind, and it
// removes nothing that filters before added.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("before", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Spam-Flag", "before")
		})
		return nil
	}))
	r.Mount(scanner(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.Contains(t, string(body), "X-Spam-Flag: before\r\n\r\n")
		_, _ = io.WriteString(w, `{"action":"add header","milter":{"remove_headers":{"X-Spam-Flag":0}}}`)
	}))
	var seen []string
	r.Mount(miltertest.FilterFunc("behind", func(r *framework.Router) error {
		header := r.WantHeaders()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for f := range header.All(s) {
				seen = append(seen, f.Name+"="+f.Value+" "+f.Origin.Filter)
			}
			return framework.Continue, nil
		})
		return nil
	}))
	miltertest.RunRouter(t, r, miltertest.Message(text)).AssertAccepted(t)
	assert.Equal(t, []string{"Subject=hello ", "X-Spam-Flag=before before", "X-Spam=Yes httpscan"}, seen)
}

// TestConformance shows that the filter has the same result on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	f := scanner(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		action := "no action"
		for _, a := range []string{"reject", "soft reject", "add header", "rewrite subject"} {
			if strings.Contains(string(body), "do "+a) {
				action = a
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"action": action, "subject": "rewritten",
			"milter": map[string]any{
				"remove_headers": map[string]int{"X-Spam-Flag": 0},
				"add_headers":    map[string]any{"X-Top": map[string]any{"value": "1", "order": 1}, "X-End": []string{"1", "2"}},
			},
		})
	})
	var msgs []*mta.Message
	for _, a := range []string{"reject", "soft reject", "add header", "rewrite subject"} {
		msgs = append(msgs, miltertest.Message(text+"do "+a+"\n"))
	}
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprintf("early=%t", early), func(t *testing.T) {
			t.Parallel()
			miltertest.TestFilter(t, filter.Filter{URL: f.URL, Early: early}, miltertest.Messages(msgs...))
		})
	}
}
