package main_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	playground "github.com/sluicemail/sluice/examples/playground"
	"github.com/sluicemail/sluice/framework"
)

// The handlers of these tests give their verdict to one client only, so that the
// sample message passes.
const me = "me.example"

// decide makes a handler's verdict depend on the client's HELO name.
func decide(r *framework.Router, register func(mine func(*framework.Session, framework.Verdict) framework.Verdict)) {
	helo := framework.PerConnection[string](r)
	r.ObserveHelo(func(s *framework.Session, e *framework.Helo) error {
		*helo.Get(s) = e.Name()
		return nil
	})
	register(func(s *framework.Session, v framework.Verdict) framework.Verdict {
		if *helo.Get(s) != me {
			return framework.Continue
		}
		return v
	})
}

// at returns a router whose filter gives a verdict at one stage.
func at(stage framework.Stage, v framework.Verdict) *framework.Router {
	r := framework.NewRouter()
	decide(r, func(mine func(*framework.Session, framework.Verdict) framework.Verdict) {
		switch stage {
		case framework.StageHelo:
			r.OnHelo(func(s *framework.Session, _ *framework.Helo) (framework.Verdict, error) { return mine(s, v), nil })
		case framework.StageMail:
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) { return mine(s, v), nil })
		case framework.StageRcpt:
			r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) { return mine(s, v), nil })
		case framework.StageData:
			r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) { return mine(s, v), nil })
		case framework.StageHeader:
			r.OnHeader(func(s *framework.Session, _ *framework.Header) (framework.Verdict, error) { return mine(s, v), nil })
		case framework.StageEndOfHeaders:
			r.OnEndOfHeaders(func(s *framework.Session, _ *framework.EndOfHeaders) (framework.Verdict, error) {
				return mine(s, v), nil
			})
		case framework.StageBody:
			r.OnBody(func(s *framework.Session, _ *framework.Body) (framework.Verdict, error) { return mine(s, v), nil })
		case framework.StageEndOfMessage:
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return mine(s, v), nil
			})
		}
	})
	return r
}

func TestEarlyVerdicts(t *testing.T) {
	t.Parallel()
	const ok, refused, later = "250 2.0.0 OK: queued", "550 5.7.1 Command rejected", "451 4.7.1 Service unavailable - try again later"
	own := framework.MustReply(554, "5.7.9", "not so", "100% sure")
	const ownReply = "554-5.7.9 not so\n554 5.7.9 100% sure"
	tests := map[string]struct {
		stage   framework.Stage
		verdict framework.Verdict
		reply   string
		came    playground.Verdict
	}{
		"helo accept":            {framework.StageHelo, framework.Accept, ok, playground.Accepted},
		"mail accept":            {framework.StageMail, framework.Accept, ok, playground.Accepted},
		"mail reject":            {framework.StageMail, framework.Reject, refused, playground.Refused},
		"mail discard":           {framework.StageMail, framework.Discard, ok, playground.Discarded},
		"rcpt accept":            {framework.StageRcpt, framework.Accept, ok, playground.Accepted},
		"rcpt tempfail":          {framework.StageRcpt, framework.TempFail, later, playground.Refused},
		"rcpt discard":           {framework.StageRcpt, framework.Discard, ok, playground.Discarded},
		"data in own words":      {framework.StageData, own, ownReply, playground.Refused},
		"header reject":          {framework.StageHeader, framework.Reject, refused, playground.Refused},
		"header discard":         {framework.StageHeader, framework.Discard, ok, playground.Discarded},
		"header accept":          {framework.StageHeader, framework.Accept, ok, playground.Accepted},
		"end of headers":         {framework.StageEndOfHeaders, framework.TempFail, later, playground.Refused},
		"body reject":            {framework.StageBody, framework.Reject, refused, playground.Refused},
		"body skip":              {framework.StageBody, framework.SkipBody, ok, playground.Accepted},
		"end of message accept":  {framework.StageEndOfMessage, framework.Accept, ok, playground.Accepted},
		"end of message reply":   {framework.StageEndOfMessage, own, ownReply, playground.Refused},
		"end of message discard": {framework.StageEndOfMessage, framework.Discard, ok, playground.Discarded},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, at(c.stage, c.verdict))
			conn := dial(t, s.address)
			require.Contains(t, conn.say("EHLO "+me), "250")
			assert.Equal(t, c.reply, conn.send("Subject: x\n\nbody\n", "b@example.test", "c@example.test"))
			conn.say("RSET")
			assert.Equal(t, c.came, s.next(t).Verdict)
			var want []string
			if c.came == playground.Accepted {
				want = []string{envelope("a@example.com", "b@example.test", "c@example.test") + "Subject: x\n\nbody\n"}
			}
			assert.Equal(t, want, s.kept(t, ""))
			assert.Empty(t, s.kept(t, ".Quarantine"))

			// The verdict applies to one message only, so the next
			// one passes.
			conn.say("EHLO somebody.example")
			assert.Equal(t, ok, conn.send("Subject: y\n\nbody\n", "b@example.test"))
			assert.Equal(t, playground.Accepted, s.next(t).Verdict)
		})
	}
}

func TestAcceptedAtConnect(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnConnect(func(*framework.Session, *framework.Connect) (framework.Verdict, error) { return framework.Accept, nil })
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Reject, nil
	})
	s := start(t, r)
	c := dial(t, s.address)
	c.say("EHLO " + me)
	for range 2 {
		assert.Contains(t, c.send("Subject: x\n\n", "b@example.test"), "250 ")
		assert.Equal(t, playground.Accepted, s.next(t).Verdict)
	}
	assert.Equal(t, envelope("a@example.com", "b@example.test")+"Subject: x\n\n", s.kept(t, "")[1])
}

// TestTheSampleIsRefused shows that the playground serves even if a filter
// refuses its sample.
func TestTheSampleIsRefused(t *testing.T) {
	t.Parallel()
	own := framework.MustReply(554, "5.7.9", "not so", "100% sure")
	tests := map[string]struct {
		register func(*framework.Router)
		shown    []string
	}{
		"at connect": {func(r *framework.Router) {
			r.OnConnect(func(*framework.Session, *framework.Connect) (framework.Verdict, error) { return framework.Reject, nil })
		}, []string{"Connect                            550 5.7.1 Command rejected", "refused: 550 5.7.1 Command rejected"}},
		"all recipients": {func(r *framework.Router) {
			r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.TempFail, nil })
		}, []string{"Rcpt <carol@example.test>          451 4.7.1 Service unavailable", "Verdict                            refused"}},
		"at the end": {func(r *framework.Router) {
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) { return own, nil })
		}, []string{"EndOfMessage                       554-5.7.9 not so / 554 5.7.9 100% sure"}},
		"held": {func(r *framework.Router) {
			hold := r.GrantQuarantine()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, hold.Quarantine(s, "look at it")
			})
		}, []string{`SMFIR_QUARANTINE "look at it"`, "quarantined: look at it", "/.Quarantine/new/"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			c.register(r)
			var stdout, stderr bytes.Buffer
			args := []string{"-once", "-smtp", "127.0.0.1:0", "-maildir", t.TempDir()}
			assert.Zero(t, playground.Run(t.Context(), r, args, &stdout, &stderr))
			assert.Empty(t, stderr.String())
			for _, want := range c.shown {
				assert.Contains(t, stdout.String(), want)
			}
			assert.NotContains(t, stdout.String(), "\x1b", "what a filter says commands no terminal")
		})
	}
}

func TestRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	s := start(t, at(framework.StageHelo, framework.Reject))
	c := dial(t, s.address)
	assert.Equal(t, "550 5.7.1 Command rejected", c.say("EHLO "+me))
	r := s.next(t)
	assert.Equal(t, playground.Refused, r.Verdict)
	assert.Equal(t, me, r.Helo)
	assert.Equal(t, "Helo", r.Stages[1].Stage)

	assert.Contains(t, c.say("EHLO somebody.example"), "250", "it may introduce itself again")
	assert.Contains(t, c.say("EHLO "+me), "250")
	assert.Equal(t, "550 5.7.1 Command rejected", c.say("MAIL FROM:<a@example.com>"), "and is refused later")
}

func Test421IsTheLastReply(t *testing.T) {
	t.Parallel()
	goodbye := framework.MustReply(421, "4.7.0", "enough")
	for stage, before := range map[framework.Stage]int{
		framework.StageHelo: 0, framework.StageMail: 1, framework.StageRcpt: 2, framework.StageEndOfMessage: 3,
	} {
		s := start(t, at(stage, goodbye))
		c := dial(t, s.address)
		for _, line := range []string{"EHLO " + me, "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.test>"}[:before] {
			assert.Contains(t, c.say(line), "250", line)
		}
		last := []string{"EHLO " + me, "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.test>", ""}[before]
		if last == "" {
			assert.Equal(t, "421 4.7.0 enough", c.content("Subject: x\n\n"))
		} else {
			assert.Equal(t, "421 4.7.0 enough", c.say(last))
		}
		_, err := c.ReadLine()
		assert.ErrorIs(t, err, io.EOF)
		assert.Equal(t, playground.Refused, s.next(t).Verdict)
	}
}

// TestPipelined421 sends more commands in the same packet as the refused one.
func TestPipelined421(t *testing.T) {
	t.Parallel()
	s := start(t, at(framework.StageRcpt, framework.MustReply(421, "4.7.0", "enough")))
	c := dial(t, s.address)
	c.say("EHLO " + me)
	reply := c.say("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.test>\r\nRCPT TO:<c@example.test>\r\n" +
		"RSET\r\nMAIL FROM:<a@example.com>")
	assert.Contains(t, reply, "250 ")
	assert.Equal(t, "421 4.7.0 enough", c.reply())
	assert.Equal(t, "421 4.7.0 enough", c.reply())
	assert.Contains(t, c.reply(), "250 ", "RSET is the SMTP server's own")
	assert.Equal(t, "421 4.7.0 enough", c.reply())
	_, err := c.ReadLine()
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, playground.Refused, s.next(t).Verdict)
}

func TestModifications(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	from, to, gone := r.GrantChangeSender(), r.GrantAddRecipient(), r.GrantDeleteRecipient()
	text, hold := r.GrantReplaceBody(), r.GrantQuarantine()
	head := r.WantHeaders()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		switch f, _ := head.First(s, "X-Do"); f.Value {
		case "envelope":
			if err := from.Change(s, "z@example.com"); err != nil {
				return framework.Continue, err
			}
			if err := gone.Delete(s, "<b@example.test>"); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, to.Add(s, "d@example.test")
		case "body":
			return framework.Continue, text.Replace(s, []byte("other\n"))
		case "hold":
			return framework.Continue, hold.Quarantine(s, "to be looked at")
		case "nobody":
			return framework.Continue, gone.Delete(s, "<b@example.test>")
		case "panic":
			panic("on purpose")
		}
		return framework.Continue, nil
	})
	s := start(t, r)
	c := dial(t, s.address)
	c.say("EHLO " + me)
	const ok = "250 2.0.0 OK: queued"

	assert.Equal(t, ok, c.send("X-Do: envelope\n\nbody\n", "b@example.test", "c@example.test"))
	assert.Len(t, s.next(t).Modifications, 3)
	assert.Equal(t, ok, c.send("X-Do: body\n\nbody\n", "b@example.test"))
	assert.Equal(t, []playground.Hunk{{Part: "body", Line: 1, Lines: []string{"-body", "+other"}}}, s.next(t).Diff)
	assert.Equal(t, ok, c.send("X-Do: hold\n\nbody\n", "b@example.test"))
	held := s.next(t)
	assert.Equal(t, playground.Quarantined, held.Verdict)
	assert.Equal(t, "to be looked at", held.Quarantine)
	assert.Equal(t, ok, c.send("X-Do: nobody\n\nbody\n", "b@example.test"))
	assert.Equal(t, playground.Discarded, s.next(t).Verdict)
	assert.Contains(t, c.send("X-Do: panic\n\nbody\n", "b@example.test"), "451 4.3.0 ")
	assert.Equal(t, playground.Refused, s.next(t).Verdict, "by the framework, in its words")

	assert.Equal(t, []string{
		envelope("z@example.com", "c@example.test", "d@example.test") + "X-Do: envelope\n\nbody\n",
		envelope("a@example.com", "b@example.test") + "X-Do: body\n\nother\n",
	}, s.kept(t, ""))
	assert.Equal(t, []string{envelope("a@example.com", "b@example.test") + "X-Do: hold\n\nbody\n"}, s.kept(t, ".Quarantine"))
}

// TestMacros shows that the filter receives the queue ID.
func TestMacros(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	id, sender := r.WantMacro(framework.StageEndOfMessage, "i"), r.WantMacro(framework.StageMail, "{mail_addr}")
	server := r.WantMacro(framework.StageConnect, "j")
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		i, _ := id.Value(s)
		from, _ := sender.Value(s)
		j, _ := server.Value(s)
		return framework.Continue, add.Append(s, "X-Macros", i+" "+from+" "+j)
	})
	s := start(t, r)
	c := dial(t, s.address)
	c.say("EHLO " + me)
	assert.Contains(t, c.send("Subject: x\n\n", "b@example.test"), "250 ")
	report := s.next(t)
	assert.Contains(t, s.kept(t, "")[0], "X-Macros: "+report.ID+" a@example.com playground.example\n")
	assert.Equal(t, "i", report.Negotiation.Macros["SMFIM_EOM"])
}

// broken starts a milter that closes every connection at once.
func broken(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-ended
	})
	return "inet:" + ln.Addr().String()
}

func TestTheFilterFails(t *testing.T) {
	t.Parallel()
	told := make(chan *playground.Report, 10)
	address, stop, err := playground.ServeMilter(broken(t), t.TempDir(), func(r *playground.Report) { told <- r })
	require.NoError(t, err)
	defer func() { assert.NoError(t, stop()) }()
	c := dial(t, address)
	assert.Equal(t, "451 4.7.1 Service unavailable - try again later", c.say("EHLO "+me))
	r := <-told
	assert.Equal(t, playground.Failed, r.Verdict)
	assert.NotEmpty(t, r.Error)
}

// TestTheFilterFailsOnTheWay shows what happens if the filter has closed its
// connection before the message arrives.
func TestTheFilterFailsOnTheWay(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	srv, err := framework.NewServer(r, framework.Config{})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error)
	go func() { ended <- srv.Serve(ln) }()

	dir, told := t.TempDir(), make(chan *playground.Report, 10)
	address, stop, err := playground.ServeMilter("inet:"+ln.Addr().String(), dir, func(r *playground.Report) { told <- r })
	require.NoError(t, err)
	defer func() { assert.NoError(t, stop()) }()
	c := dial(t, address)
	c.say("EHLO " + me)
	c.say("MAIL FROM:<a@example.com>")
	c.say("RCPT TO:<b@example.test>")
	require.NoError(t, srv.Close())
	assert.ErrorIs(t, <-ended, framework.ErrServerClosed)

	const unavailable = "451 4.7.1 Service unavailable - try again later"
	assert.Equal(t, unavailable, c.content("Subject: x\n\n"))
	assert.Equal(t, playground.Failed, (<-told).Verdict)
	assert.Equal(t, unavailable, c.say("MAIL FROM:<a@example.com>"), "for the rest of the session")
	assert.Empty(t, files(t, dir+"/new"))
}

func TestTheMaildirFails(t *testing.T) {
	t.Parallel()
	s := start(t, playground.NewRouter())
	c := dial(t, s.address)
	c.say("EHLO " + me)
	s.breakMaildir(t)
	assert.Equal(t, "451 4.3.0 Message cannot be stored", c.send("Subject: x\n\n", "b@example.test"))
	r := s.next(t)
	assert.Equal(t, playground.Failed, r.Verdict)
	assert.Contains(t, r.Error, "tmp")
}
