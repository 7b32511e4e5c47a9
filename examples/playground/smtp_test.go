package main_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	playground "github.com/sluicemail/sluice/examples/playground"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// envelope is the beginning of a stored message that c.send has sent.
func envelope(from string, to ...string) string {
	text := "Return-Path: <" + from + ">\n"
	for _, rcpt := range to {
		text += "Delivered-To: " + rcpt + "\n"
	}
	return text + "Received: from me.example ([127.0.0.1])\n\tby playground.example with ESMTP id ID;\n\tDATE\n"
}

const stamp = "X-Client-Address: 127.0.0.1\n"

func TestSeveralMessagesOnOneConnection(t *testing.T) {
	t.Parallel()
	s := start(t, playground.NewRouter())
	c := dial(t, s.address)
	assert.Contains(t, c.say("EHLO me.example"), "8BITMIME")

	assert.Contains(t, c.send("Subject: one\n\nfirst\n", "bob@example.test"), "250 ")
	assert.Equal(t, playground.Accepted, s.next(t).Verdict)

	assert.Contains(t, c.say("MAIL FROM:<a@example.com> BODY=8BITMIME SIZE=99"), "250 ")
	assert.Equal(t, "550 5.1.1 nobody lives here", c.say("RCPT TO:<nobody@example.test>"))
	assert.Contains(t, c.say("RCPT TO:<carol@example.test>"), "250 ")
	assert.Equal(t, "550 5.1.1 nobody lives here", c.say("RCPT TO:<Nobody@Example.test>"))
	assert.Contains(t, c.say("RCPT TO:<dave@example.test>"), "250 ")
	assert.Contains(t, c.content("Subject: zwei\n\nGr\xfc\xdfe\n.\n..two dots\n"), "250 ")
	r := s.next(t)
	assert.ElementsMatch(t, []string{"SIZE=99", "BODY=8BITMIME"}, r.Args)
	assert.Len(t, r.Recipients, 4)

	large := strings.Repeat(strings.Repeat("x", 71)+"\n", 1<<20/72)
	assert.Contains(t, c.send("Subject: large\n\n"+large, "bob@example.test"), "250 ")
	assert.Greater(t, strings.Count(strings.Join(stages(s.next(t)), " "), "Body"), 15, "in pieces of 64 KiB")

	assert.Contains(t, c.say("QUIT"), "221 ")
	assert.Equal(t, []string{
		envelope("a@example.com", "bob@example.test") + "Subject: one\n" + stamp + "\nfirst\n",
		envelope("a@example.com", "carol@example.test", "dave@example.test") + "Subject: zwei\n" + stamp +
			"\nGr\xfc\xdfe\n.\n..two dots\n",
		envelope("a@example.com", "bob@example.test") + "Subject: large\n" + stamp + "\n" + large,
	}, s.kept(t, ""))
}

// stages returns the names of a report's stages.
func stages(r playground.Report) []string {
	var names []string
	for _, s := range r.Stages {
		names = append(names, s.Stage)
	}
	return names
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	s := start(t, playground.NewRouter())
	c := dial(t, s.address)
	c.say("EHLO me.example")

	for _, end := range []string{"RSET", "EHLO me.example", "EHLO you.example"} {
		assert.Contains(t, c.say("MAIL FROM:<a@example.com>"), "250 ", end)
		assert.Contains(t, c.say("RCPT TO:<bob@example.test>"), "250 ", end)
		assert.Contains(t, c.say(end), "250", end)
		assert.Equal(t, playground.Abandoned, s.next(t).Verdict, end)
	}
	c.say("MAIL FROM:<a@example.com>")
	c.say("RCPT TO:<bob@example.test>")
	assert.Contains(t, c.chunk("Subject: ", ""), "250 ")
	assert.Contains(t, c.say("RSET"), "250 ")
	assert.Equal(t, playground.Abandoned, s.next(t).Verdict, "in the midst of its chunks")

	assert.Contains(t, c.say("MAIL FROM:<a@example.com>"), "250 ")
	assert.Contains(t, c.say("RCPT TO:<nobody@example.test>"), "550 ")
	assert.Contains(t, c.say("DATA"), "502 ")
	assert.Contains(t, c.say("RSET"), "250 ")
	assert.Equal(t, playground.Refused, s.next(t).Verdict, "nobody was left to send it to")

	assert.Contains(t, c.say("MAIL FROM:<a@example.com>"), "250 ")
	require.NoError(t, c.Close())
	assert.Equal(t, playground.Abandoned, s.next(t).Verdict, "the client is gone")

	c = dial(t, s.address)
	c.say("EHLO me.example")
	c.say("MAIL FROM:<a@example.com>")
	c.say("RCPT TO:<bob@example.test>")
	assert.Contains(t, c.say("DATA"), "354 ")
	require.NoError(t, c.PrintfLine("Subject: half"))
	require.NoError(t, c.Close())
	assert.Equal(t, playground.Abandoned, s.next(t).Verdict, "the client is gone within the content")

	assert.Empty(t, s.kept(t, ""))
	c = dial(t, s.address)
	c.say("EHLO me.example")
	assert.Contains(t, c.send("Subject: after\n\nall\n", "bob@example.test"), "250 ")
	assert.Equal(t, playground.Accepted, s.next(t).Verdict)
}

func TestMailThatIsOutOfTheOrdinary(t *testing.T) {
	t.Parallel()
	s := start(t, playground.NewRouter())
	c := dial(t, s.address)
	c.say("EHLO me.example")

	assert.Contains(t, c.say("MAIL FROM:<a@example.com>"), "250 ")
	assert.Contains(t, c.say("MAIL FROM:<b@example.com>"), "503 5.5.1 ")
	c.say("RSET")
	s.next(t)

	assert.Contains(t, c.say("MAIL FROM:<jörg@exämple.test> SMTPUTF8"), "250 ")
	assert.Contains(t, c.say("RCPT TO:<żółw@example.test>"), "250 ")
	assert.Contains(t, c.content("Subject: Grüße\n\nbody\n"), "250 ")
	assert.Equal(t, []string{"SMTPUTF8"}, s.next(t).Args)

	assert.Contains(t, c.say("MAIL FROM:<>"), "250 ")
	assert.Contains(t, c.say("RCPT TO:<bob@example.test>"), "250 ")
	assert.Contains(t, c.content("no header\n"), "250 ")
	s.next(t)

	assert.Equal(t, "554 5.6.0 A header field holds a NUL", c.send("Subject: a\x00b\n\nbody\n", "bob@example.test"))
	assert.Equal(t, playground.Refused, s.next(t).Verdict)

	assert.Equal(t, []string{
		envelope("jörg@exämple.test", "żółw@example.test") + "Subject: Grüße\n" + stamp + "\nbody\n",
		envelope("", "bob@example.test") + stamp + "\nno header\n",
	}, s.kept(t, ""))
}

func TestChunks(t *testing.T) {
	t.Parallel()
	s := start(t, playground.NewRouter())
	c := dial(t, s.address)
	c.say("EHLO me.example")
	c.say("MAIL FROM:<a@example.com>")
	c.say("RCPT TO:<bob@example.test>")
	assert.Contains(t, c.chunk("Subject: two\r", ""), "250 ")
	assert.Contains(t, c.chunk("\n\r\npieces\r\n", " LAST"), "250 ")
	assert.Equal(t, playground.Accepted, s.next(t).Verdict)
	assert.Equal(t, []string{envelope("a@example.com", "bob@example.test") + "Subject: two\n" + stamp + "\npieces\n"}, s.kept(t, ""))
}

func TestIntroduction(t *testing.T) {
	t.Parallel()
	for client, want := range map[string]wire.Connect{
		"192.0.2.1:25":          {Host: []byte("[192.0.2.1]"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")},
		"[2001:db8::1]:25":      {Host: []byte("[2001:db8::1]"), Family: wire.FamilyInet6, Port: 25, Address: []byte("2001:db8::1")},
		"[::ffff:192.0.2.1]:25": {Host: []byte("[192.0.2.1]"), Family: wire.FamilyInet, Port: 25, Address: []byte("192.0.2.1")},
	} {
		assert.Equal(t, want, *playground.Introduction(netip.MustParseAddrPort(client)))
	}
}

// TestClientsSideBySide sends messages in several sessions at once.
func TestClientsSideBySide(t *testing.T) {
	t.Parallel()
	const clients, messages = 4, 5
	s := start(t, playground.NewRouter())
	seen := make(chan playground.Report, clients*messages)
	var reading, sending sync.WaitGroup
	reading.Go(func() {
		for range clients * messages {
			seen <- <-s.reports
		}
	})
	for i := range clients {
		c := dial(t, s.address)
		sending.Go(func() {
			assert.Contains(t, c.say("EHLO me.example"), "250")
			for j := range messages {
				text := fmt.Sprintf("Subject: %d.%d\n\nbody\n", i, j)
				assert.Contains(t, c.send(text, "bob@example.test"), "250 ")
			}
		})
	}
	sending.Wait()
	reading.Wait()
	close(seen)

	ids, subjects := map[string]bool{}, map[string]bool{}
	for r := range seen {
		ids[r.ID] = true
		assert.Equal(t, playground.Accepted, r.Verdict)
	}
	for _, text := range s.kept(t, "") {
		_, rest, _ := strings.Cut(text, "Subject: ")
		subjects[rest[:3]] = true
	}
	assert.Len(t, ids, clients*messages)
	assert.Len(t, subjects, clients*messages)
}

// TestEndsWhileAFilterThinks ends the playground while a handler does not
// return.
func TestEndsWhileAFilterThinks(t *testing.T) {
	t.Parallel()
	r, asked, over := framework.NewRouter(), make(chan struct{}), make(chan struct{})
	r.OnRcpt(func(s *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		if e.Recipient() == "slow@example.test" {
			close(asked)
			<-s.Context().Done()
			close(over)
		}
		return framework.Continue, nil
	})
	s := start(t, r)
	c := dial(t, s.address)
	c.say("EHLO me.example")
	c.say("MAIL FROM:<a@example.com>")
	require.NoError(t, c.PrintfLine("RCPT TO:<slow@example.test>"))
	<-asked
	began := time.Now()
	s.end(t)
	assert.Less(t, time.Since(began), time.Minute)
	<-over
}
