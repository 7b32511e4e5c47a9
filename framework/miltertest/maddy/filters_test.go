package maddy_test

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// use serves a filter from now on. It returns what the server logs.
func (b behind) use(t *testing.T, filter framework.Filter, opts ...framework.LaneOption) *testproc.Buffer {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(filter, opts...)
	log := new(testproc.Buffer)
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, srv.Close()) })
	b.Serve(srv.ServeConn)
	return log
}

// send sends a message to one recipient. It returns the reply and, if the message was
// delivered, what arrived, without Maddy's own Received field.
func (b behind) send(t *testing.T, to, data string) (code int, text, delivered string) {
	t.Helper()
	c := b.client(t)
	defer c.Close()
	code, text = c.Deliver(realmta.Message{From: "ann@example.org", To: []string{to}, Data: []byte(crlf(data))})
	if code != 250 {
		b.Sink().StaysEmpty(t, realmta.ToRecipient(to), 0)
		return code, masked(text), ""
	}
	return code, masked(text), withoutTrace(string(b.Sink().Await(t, realmta.ToRecipient(to)).Data))
}

// withoutTrace removes the Received field that Maddy adds.
func withoutTrace(message string) string {
	return regexp.MustCompile(`Received: from client\.example\.test .*\r\n(?: .*\r\n)*`).ReplaceAllString(message, "")
}

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

func rules(t *testing.T, text string) framework.Filter {
	t.Helper()
	cfg, err := headers.Parse("rules.yaml", []byte("rules: ["+text+"]"))
	require.NoError(t, err)
	f, err := headers.New(cfg)
	require.NoError(t, err)
	return f
}

// deciding returns a filter that gives a verdict at the end of each message.
func deciding(v framework.Verdict) framework.Filter {
	return miltertest.FilterFunc("deciding", func(r *framework.Router) error {
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) { return v, nil })
		return nil
	})
}

// TestFilters runs filters that Maddy can obey, rules of contrib/headers above all. New
// fields arrive above all others. Maddy replaces the text of each refusal.
func TestFilters(t *testing.T) {
	t.Parallel()
	b := newBehind(t)
	const message = "Subject: hello\nX-Two: 2\n\nbody\n"
	const policy = "7.1 Message rejected due to local policy (msg ID = ID)"
	for name, tt := range map[string]struct {
		filter    framework.Filter
		code      int
		text      string
		delivered string
	}{
		"add": {
			rules(t, "{do: [{add: {name: X-Client, value: '{{.Client.Addr}}'}}]}"), 250,
			"2.0.0 OK: queued", "X-Client: 127.0.0.1\n" + message,
		},
		"add two": {
			rules(t, "{do: [{add: {name: X-A, value: a}}, {add: {name: X-B, value: b}}]}"), 250,
			"2.0.0 OK: queued", "X-B: b\nX-A: a\n" + message,
		},
		"insert at the top": {
			rules(t, "{do: [{insert: {name: X-A, value: a, top: true}}]}"), 250,
			"2.0.0 OK: queued", "X-A: a\n" + message,
		},
		// Maddy leaves it to the target what to do with it. Its client of another server, as
		// here, delivers it.
		"quarantine": {rules(t, "{do: [{quarantine: a test}]}"), 250, "2.0.0 OK: queued", message},
		"reject":     {rules(t, "{do: [{reject: not here}]}"), 550, "5." + policy, ""},
		"defer":      {rules(t, "{do: [{reject: {code: 451, text: not now}}]}"), 451, "5." + policy, ""},
		"accept":     {deciding(framework.Accept), 250, "2.0.0 OK: queued", message},
		"tempfail":   {deciding(framework.TempFail), 450, "4." + policy, ""},
		"discard":    {deciding(framework.Discard), 450, "4." + policy, ""},
	} {
		log := b.use(t, tt.filter)
		code, text, delivered := b.send(t, strings.ReplaceAll(name, " ", "-")+"@example.test", message)
		assert.Equal(t, tt.code, code, name)
		assert.Equal(t, tt.text, text, name)
		assert.Equal(t, crlf(tt.delivered), delivered, name)
		assert.NotContains(t, log.String(), "level=ERROR", name)
	}
	b.AwaitLog(t, `smtp/pipeline: quarantined	{"check":"milter"`)
	b.AwaitLog(t, `"reason":"a test"`)
}

// TestWhatMaddyDoesNotGrant shows what the client of Maddy sees if a filter needs what Maddy
// does not offer. By default all mail is refused, so that the client tries again. With
// FailOpen mail passes without the filter. In both cases the filter logs which of its parts
// needs the action, and where.
func TestWhatMaddyDoesNotGrant(t *testing.T) {
	t.Parallel()
	b := newBehind(t)
	verifier, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}}})
	require.NoError(t, err)
	const message = "Subject: hello\n\nbody\n"
	for name, filter := range map[string]framework.Filter{
		"change": rules(t, "{do: [{replace: {name: Subject, value: x}}]}"),
		"delete": rules(t, "{do: [{delete: Subject}]}"),
		"rename": rules(t, "{do: [{rename: {name: Subject, to: X-Subject}}]}"),
		"verify": verifier,
	} {
		for policy, tt := range map[string]struct {
			option    framework.LaneOption
			code      int
			delivered string
		}{
			"closed": {framework.FailClosed(), 451, ""},
			"with":   {framework.FailWith(framework.MustReply(550, "5.7.1", "never")), 550, ""},
			"open":   {framework.FailOpen(), 250, crlf(message)},
		} {
			log := b.use(t, filter, tt.option)
			code, text, delivered := b.send(t, name+"-"+policy+"@example.test", message)
			assert.Equal(t, tt.code, code, name)
			assert.Equal(t, tt.delivered, delivered, name)
			if code != 250 {
				assert.Equal(t, "5.7.1 Message rejected due to local policy (msg ID = ID)", text, name)
			}
			assert.Contains(t, log.String(), "the MTA does not offer SMFIF_CHGHDRS", name)
		}
	}
}
