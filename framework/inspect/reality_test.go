//go:build integration

package inspect_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// realMail is a message that a client sends, and how its record must say that it ended.
type realMail struct {
	to    []string // of the domain example.test; bob if empty
	data  string   // the header; a subject if empty
	leave string   // the command that the client sends instead of DATA
	state record.State
}

// realMails are the messages by name. Their senders are NAME@example.org. Filters decide by the
// sender and the recipients.
var realMails = map[string]realMail{
	"plain":              {state: record.StateAccepted},
	"sender-refused":     {state: record.StateRejected},
	"sender-deferred":    {state: record.StateDeferred},
	"one-of-three":       {to: []string{"bob", "nobody", "carol"}, state: record.StateAccepted},
	"first-refused":      {to: []string{"nobody", "bob"}, state: record.StateAccepted},
	"two-of-three":       {to: []string{"nobody", "later", "carol"}, state: record.StateAccepted},
	"all-refused":        {to: []string{"nobody", "nobody2"}, state: record.StateRejected},
	"all-deferred":       {to: []string{"later"}, state: record.StateDeferred},
	"rcpt-fails":         {to: []string{"bob", "broken"}, state: record.StateDeferred},
	"header-refused":     {state: record.StateRejected},
	"header-end-refused": {state: record.StateDeferred},
	"body-refused":       {state: record.StateRejected},
	"end-refused":        {state: record.StateRejected},
	"end-deferred":       {state: record.StateDeferred},
	"end-own-reply":      {state: record.StateRejected},
	"end-two-lines":      {state: record.StateRejected},
	"end-percent":        {state: record.StateRejected},
	"end-discarded":      {state: record.StateDiscarded},
	"mail-discarded":     {state: record.StateDiscarded},
	"mail-accepted":      {state: record.StateAccepted},
	"rcpt-accepted":      {to: []string{"friend", "nobody"}, state: record.StateAccepted},
	"held":               {state: record.StateQuarantined},
	"fails-open":         {state: record.StateAccepted},
	"fails-closed":       {state: record.StateDeferred},
	"edits-then-refused": {state: record.StateRejected},
	"body-replaced":      {state: record.StateAccepted},
	"recipients-changed": {state: record.StateAccepted},
	"sender-changed":     {state: record.StateAccepted},
	"header-moved":       {data: "X-Secret: 1\nX-Secret: 2\nSubject: hello\nX-Secret: 3\n", state: record.StateAccepted},
	"folded":             {data: "Subject: hello\n\tand a second line\nX-Long: a\n b\n", state: record.StateAccepted},
	"no-subject":         {data: "X-Other: hello\n", state: record.StateAccepted},
	"two-subjects":       {data: "Subject: one\nSubject: two\n", state: record.StateAccepted},
	"encoded":            {data: "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n", state: record.StateAccepted},
	"rcpt-rejected":      {to: []string{"reject", "bob"}, state: record.StateAccepted},
	"given-up":           {leave: "RSET", state: record.StateAborted},
	"given-up-by-quit":   {to: []string{"bob", "nobody"}, leave: "QUIT", state: record.StateAborted},
}

// reply is what a client saw.
type reply struct {
	code int
	text string
}

// course is what a client saw in a message: the replies to MAIL, to each RCPT, and to the
// content, as far as it came.
type course struct {
	mail    reply
	rcpts   []reply
	content reply
}

// send sends a message on a connection of its own.
func (m *realMail) send(t *testing.T, server realmta.MTA, name string) (out course) {
	t.Helper()
	c := realmta.DialSMTP(t, server.Addr())
	defer c.Close()
	c.Cmd("EHLO client.example.test")
	command := func(line string) (r reply) {
		r.code, r.text = c.Cmd(line)
		return r
	}
	if out.mail = command("MAIL FROM:<" + name + "@example.org>"); out.mail.code == 250 {
		accepted := 0
		for _, to := range m.to {
			r := command("RCPT TO:<" + to + "@example.test>")
			out.rcpts = append(out.rcpts, r)
			if r.code == 250 {
				accepted++
			}
		}
		switch {
		case m.leave != "":
			c.Cmd(m.leave)
		case accepted > 0:
			out.content.code, out.content.text = c.Data([]byte(strings.ReplaceAll(m.content(name), "\n", "\r\n")))
		}
	}
	if m.leave != "QUIT" {
		c.Cmd("QUIT")
	}
	return out
}

func (m *realMail) content(name string) string {
	return "From: <" + name + "@example.org>\nX-Name: " + name + "-mail\n" + m.data + "\nHello\n\nBob\n"
}

// What the records say is what happened: the client saw the recorded replies, the message
// that was delivered is what the last filter left, and what came is what the client sent.
func TestRecordsAreWhatHappened(t *testing.T) {
	t.Parallel()
	for server, start := range realmta.Each(realmta.Config{}) {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			in := newInspector(t, inspect.Config{Content: record.ContentAll, Complete: true})
			mta := start(t)
			ln := mta.Listen(t, "unix")
			srv := realmta.Serve(t, ln, realFilters(), framework.Config{Recorder: in})
			mta.SetFilters(t, ln.Addr())
			seen := make(map[string]course)
			for name, m := range realMails {
				m.complete()
				seen[name] = m.send(t, mta, name)
			}
			require.NoError(t, srv.Shutdown(t.Context()))
			for name, m := range realMails {
				m.complete()
				t.Run(name, func(t *testing.T) { compare(t, in, mta, name, &m, seen[name]) })
			}
		})
	}
}

// complete sets what most messages have.
func (m *realMail) complete() {
	if m.to == nil {
		m.to = []string{"bob"}
	}
	if m.data == "" {
		m.data = "Subject: hello\n"
	}
}

// compare compares the record of a message with what the client saw and what was delivered.
func compare(t *testing.T, in *inspect.Inspector, mta realmta.MTA, name string, sent *realMail, saw course) {
	t.Helper()
	found := list(t, in, "q=from:%3C"+name+"@")
	require.Len(t, found, 1)
	m := whole(t, in, found[0].ID)
	assert.Equal(t, sent.state, m.Outcome.State)
	assert.Equal(t, found[0], m.Summary, "the list says the same")
	compareRecipients(t, m, sent, saw)
	switch sent.state {
	case record.StateRejected, record.StateDeferred:
		compareReply(t, &m.Outcome.Verdict, saw.refusal())
		return
	case record.StateAborted:
		return
	default:
		assert.Equal(t, 250, saw.content.code, saw.content.text)
	}
	compareTimes(t, m)
	if m.Outcome.Verdict.Stage == "mail" {
		return // nothing else came
	}
	assert.Equal(t, sent.content(name), render(m.Header, m.Body), "what came is what the client sent")
	compareSubjects(t, m)
	if sent.state == record.StateAccepted {
		compareDelivered(t, m, mta.Sink().Await(t, realmta.Containing("X-Name: "+name+"-mail\r\n")))
	}
}

// refusal returns the reply that ended the message.
func (c *course) refusal() reply {
	switch {
	case c.mail.code != 250:
		return c.mail
	case c.content.code != 0:
		return c.content
	}
	return c.rcpts[len(c.rcpts)-1]
}

var namesAddress = regexp.MustCompile(`\A(\d\.\d\.\d )<[^>]*>\.\.\. `)

// compareReply compares a recorded verdict with a reply.
func compareReply(t *testing.T, v *record.Verdict, saw reply) {
	t.Helper()
	switch v.Kind {
	case "reply":
		// Sendmail puts the address into the first line of replies to MAIL and RCPT.
		saw.text = namesAddress.ReplaceAllString(saw.text, "$1")
		assert.Equal(t, reply{v.Code, v.Text}, saw)
	case "reject":
		assert.Equal(t, 5, saw.code/100, saw.text)
	case "tempfail":
		assert.Equal(t, 4, saw.code/100, saw.text)
	default:
		assert.Fail(t, "not a refusal", "%+v", v)
	}
	assert.NotEmpty(t, v.Filter)
	assert.NotEmpty(t, v.Stage)
}

func compareRecipients(t *testing.T, m *record.Message, sent *realMail, saw course) {
	t.Helper()
	if sent.state == record.StateDiscarded && m.Outcome.Verdict.Stage == "mail" {
		assert.Empty(t, m.Recipients, "the mail server sends nothing to who does not want the message")
		return
	}
	require.Len(t, m.Recipients, len(saw.rcpts))
	for i := range m.Recipients {
		r := &m.Recipients[i]
		assert.Equal(t, "<"+sent.to[i]+"@example.test>", r.Address)
		if saw.rcpts[i].code == 250 {
			assert.Nil(t, r.Refusal, r.Address)
		} else if assert.NotNil(t, r.Refusal, "%s %v", r.Address, saw.rcpts[i]) {
			compareReply(t, r.Refusal, saw.rcpts[i])
		}
	}
}

// compareTimes requires that the stages follow each other, within the time that the message took.
func compareTimes(t *testing.T, m *record.Message) {
	t.Helper()
	var sum, at time.Duration
	for i := range m.Stages {
		s := &m.Stages[i]
		if s.Earlier {
			assert.Contains(t, []string{"connect", "helo"}, s.Name)
			assert.Zero(t, s.Waiting+s.At, s.Name)
			continue
		}
		assert.GreaterOrEqual(t, s.At, at, s.Name)
		at = s.At
		sum += s.Waiting + s.Working
	}
	assert.LessOrEqual(t, sum, m.Took)
	assert.LessOrEqual(t, at, m.Took)
}

// compareSubjects requires that each filter's header is that which it left, and the next one found.
func compareSubjects(t *testing.T, m *record.Message) {
	t.Helper()
	subjects := func(header []record.Field) (out []string) {
		for _, f := range header {
			if f.Name == "Subject" {
				out = append(out, strings.TrimSpace(f.Value))
			}
		}
		return out
	}
	want := subjects(m.Header)
	for text, f := range map[string]*record.Filter{"[1]": &m.Filters[2], "[2]": &m.Filters[3]} {
		before := "[1] "
		if text == "[1]" {
			before = ""
		}
		if len(want) == 0 {
			assert.Equal(t, []string{strings.TrimSpace(text + " " + before)}, subjects(f.Header), f.Name)
			continue
		}
		first := text + " " + before + want[0]
		assert.Equal(t, append([]string{first}, want[1:]...), subjects(f.Header), f.Name)
	}
}

// compareDelivered compares what the last filter left with what was delivered.
func compareDelivered(t *testing.T, m *record.Message, got realmta.Delivered) {
	t.Helper()
	header, body := m.Header, m.Body
	sender, to := m.Sender, []string{}
	for _, r := range m.Recipients {
		if r.Refusal == nil {
			to = append(to, strings.Trim(r.Address, "<>"))
		}
	}
	for i := range m.Filters {
		f := &m.Filters[i]
		if f.Header != nil {
			header = f.Header
		}
		if f.Replaced {
			body = f.NewBody
		}
		for _, e := range f.Edits {
			switch e.Kind {
			case "addrcpt":
				to = append(to, strings.Trim(e.Address, "<>"))
			case "delrcpt":
				to = slices.DeleteFunc(to, func(a string) bool { return a == strings.Trim(e.Address, "<>") })
			case "chgfrom":
				sender = e.Address
			}
		}
	}
	want := strings.ReplaceAll(render(header, body), "\n", "\r\n")
	assert.Equal(t, string(realmta.Comparable([]byte(want))), string(realmta.Comparable(got.WithoutTrace())))
	assert.Equal(t, strings.Trim(sender, "<>"), got.From)
	assert.ElementsMatch(t, to, got.To)
}

// render returns a message with LF as line ends.
func render(header []record.Field, body []byte) string {
	var b strings.Builder
	for _, f := range header {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, strings.TrimPrefix(f.Value, " "))
	}
	return b.String() + "\n" + strings.ReplaceAll(string(body), "\r\n", "\n")
}
