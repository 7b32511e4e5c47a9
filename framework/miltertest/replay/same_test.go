package replay_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// policies ask for different stages and edit in different ways.
func policies() map[string]policy {
	return map[string]policy{
		"envelope": {refuseSender: "sender3", refuseRcpt: "carol2", acceptSender: "sender4"},
		"client":   {refuseClient: "2001:db8::1", refuseHelo: "mail2.example.org"},
		"edits":    {tag: "yes", top: "yes", drop: "X-Spam", subject: "[ext]", footer: "--\r\n", sender: "list@example.org", addRcpt: "dave@example.net", deleteRcpt: "bob", hold: "spaces"},
		"macros":   {user: true, tls: true, tag: "yes"},
		"content":  {discard: "tight", fail: "hello", refuseBody: "alone", raw: true, rejected: true, unknown: true},
		"skips":    {refuseBody: "never", skipBody: true},
	}
}

// The same filter treats every message as it was recorded, behind each MTA, with several
// messages on a connection.
func TestSameFilter(t *testing.T) {
	t.Parallel()
	for name, p := range policies() {
		for _, mtas := range append(miltertest.Personalities(), miltertest.Stalwart()) {
			t.Run(name+"/"+mtas.Name, func(t *testing.T) {
				t.Parallel()
				srv := miltertest.NewServer(t, p, miltertest.AllowWrongStages(), miltertest.As(mtas))
				for first := range 4 {
					m := recorded(t, srv, mtas.MTA, sample(3*first), sample(3*first+1), sample(3*first+2))
					res, err := replay.Play(t.Context(), to(srv), m)
					require.NoError(t, err)
					assert.Empty(t, res.NotReplayable)
					assert.Empty(t, res.Text())
					assert.Nil(t, res.Plan)
				}
			})
		}
	}
}

// The filter gets byte by byte what was recorded.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	for _, mtas := range append(miltertest.Personalities(), miltertest.Stalwart()) {
		t.Run(mtas.Name, func(t *testing.T) {
			t.Parallel()
			srv := miltertest.NewServer(t, policies()["edits"], miltertest.As(mtas))
			m := recorded(t, srv, mtas.MTA, sample(2), sample(3))
			var tap *capture
			cfg := to(srv)
			cfg.Dial = tapped(srv, &tap)
			_, err := replay.Play(t.Context(), cfg, m)
			require.NoError(t, err)
			assert.Equal(t, commands(m.Frames), commands(tap.frames))
		})
	}
}

// commands returns the MTA's frames but the end of the session, which an MTA may leave out.
func commands(frames []record.Frame) []string {
	var list []string
	for _, f := range frames {
		if f.FromMTA && f.Code != byte(wire.CmdQuit) {
			list = append(list, string(f.Code)+" "+string(f.Data))
		}
	}
	for len(list) > 0 && list[len(list)-1] == "A " {
		list = list[:len(list)-1]
	}
	return list
}

// Clients abandon messages, greet twice, reuse the connection, and send unknown commands.
func TestOddSessions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	ok := func(_ mta.Response, err error) { require.NoError(t, err) }
	for name, play := range map[string]func(c *mta.Conn){
		"a message is abandoned": func(c *mta.Conn) {
			ended, err := c.SendPart(ctx, sample(0), 4)
			require.NoError(t, err)
			assert.False(t, ended)
			_, err = c.Send(ctx, sample(1))
			require.NoError(t, err)
		},
		"the client leaves in the message": func(c *mta.Conn) {
			_, err := c.SendPart(ctx, sample(0), 6)
			require.NoError(t, err)
		},
		"two sessions": func(c *mta.Conn) {
			_, err := c.Send(ctx, sample(0))
			require.NoError(t, err)
			require.NoError(t, c.QuitNC())
			_, err = c.Send(ctx, sample(2))
			require.NoError(t, err)
		},
		"unknown commands": func(c *mta.Conn) {
			ok(c.Connect(ctx, &wire.Connect{Host: []byte("a"), Family: wire.FamilyUnknown}))
			ok(c.Unknown(ctx, "FOO"))
			ok(c.Helo(ctx, "a"))
			ok(c.Mail(ctx, "<a@example.org>"))
			ok(c.Unknown(ctx, "BAR"))
			ok(c.Rcpt(ctx, "<b@example.org>"))
			_, _, err := c.EndOfMessage(ctx, nil)
			require.NoError(t, err)
		},
		"no client": func(c *mta.Conn) {
			ok(c.Mail(ctx, "<a@example.org>"))
			ok(c.Rcpt(ctx, "<b@example.org>", "NOTIFY=NEVER"))
			ok(c.Header(ctx, "Subject", " x"))
			ok(c.EndOfHeaders(ctx))
			_, _, err := c.EndOfMessage(ctx, []byte("the body\r\n"))
			require.NoError(t, err)
		},
		"HELO twice, and in a message": func(c *mta.Conn) {
			ok(c.Helo(ctx, "a"))
			ok(c.Helo(ctx, "b"))
			ok(c.Mail(ctx, "<a@example.org>"))
			ok(c.Helo(ctx, "c"))
			require.NoError(t, c.Abort())
			ok(c.Mail(ctx, "<b@example.org>"))
			ok(c.Rcpt(ctx, "<b@example.org>"))
			ok(c.Data(ctx))
		},
		"nothing": func(*mta.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy{unknown: true, refuseRcpt: "nobody", refuseBody: "x", refuseClient: "x", tag: "yes"}
			srv := miltertest.NewServer(t, p)
			m := recordedBy(t, srv, mta.Config{}, play)
			var tap *capture
			cfg := to(srv)
			cfg.Dial = tapped(srv, &tap)
			res, err := replay.Play(ctx, cfg, m)
			require.NoError(t, err)
			assert.Empty(t, res.NotReplayable)
			assert.Empty(t, res.Text())
			assert.Equal(t, commands(m.Frames), commands(tap.frames))

			p.refuseRcpt, p.tag = "example", "no" // the recipients of all messages
			res, err = replay.Play(ctx, to(miltertest.NewServer(t, p)), m)
			require.NoError(t, err)
			assert.Equal(t, bytes.Contains(codes(m), []byte("R")), res.Differs())
		})
	}
}

func codes(m *record.Message) (list []byte) {
	for _, f := range m.Frames {
		list = append(list, f.Code)
	}
	return list
}

// Each transaction of a record is compared for itself.
func TestTransactions(t *testing.T) {
	t.Parallel()
	was, is := policy{refuseSender: "sender3", tag: "yes"}, policy{refuseSender: "sender4", tag: "yes"}
	res := replayed(t, was, is, nil, sample(1), sample(3), sample(0))
	require.Len(t, res.Messages, 1)
	assert.Equal(t, 2, res.Messages[0].Number)
	assert.Contains(t, res.Text(), "transaction 2")
	assert.Equal(t, []replay.Kind{replay.KindVerdict}, res.Kinds())
}

// A client whose session is refused is a record without a message.
func TestSessionWithoutMessage(t *testing.T) {
	t.Parallel()
	was, is := policy{refuseClient: "192.0.2.1"}, policy{refuseClient: "192.0.2.2"}
	res := replayed(t, was, is, nil, sample(0))
	require.Len(t, res.Messages, 1)
	assert.Equal(t, replay.GoesOn, res.Messages[0].Now.Verdict)
	res = replayed(t, was, was, nil, sample(0))
	assert.False(t, res.Differs())
}

// A filter that fails is a difference, and not an error of the replay.
func TestFilterFails(t *testing.T) {
	t.Parallel()
	m := recorded(t, miltertest.NewServer(t, policy{tag: "yes"}), mta.Config{}, letter())
	for name, answer := range map[string]string{
		"closes":         "",
		"no milter":      "HTTP/1.0 400 Bad Request\r\n\r\n",
		"wrong protocol": "\x00\x00\x00\x0dO\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := replay.Config{Dial: answering(answer)}
			res, err := replay.Play(t.Context(), cfg, m)
			require.NoError(t, err)
			require.Equal(t, []replay.Kind{replay.KindFailure}, res.Kinds())
			assert.Equal(t, replay.Failed, res.Messages[0].Now.Verdict)
			assert.Contains(t, res.Text(), "the filter failed: ")
		})
	}
}

// Macros that the new filter requests otherwise than the recorded one.
func TestMacros(t *testing.T) {
	t.Parallel()
	auth := letter(miltertest.Auth("ann"))
	for name, c := range map[string]struct {
		was, is policy
		want    string
	}{
		"requested later, with a value":         {policy{user: true}, policy{user: true, tag: "x"}, ""},
		"requested anew, among the usual ones":  {policy{refuseSender: "zoe"}, policy{user: true, refuseSender: "zoe"}, "add X-User: ann."},
		"no longer requested":                   {policy{user: true, tag: "x"}, policy{tag: "x"}, ""},
		"requested before, and without a value": {policy{tls: true, refuseSender: "zoe"}, policy{tls: true, user: true}, "add X-User: ann."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := replayed(t, c.was, c.is, nil, auth)
			require.Empty(t, res.NotReplayable)
			if c.want != "" {
				assert.Contains(t, res.Messages[0].Differences[0].Now, c.want)
			}
		})
	}
	t.Run("the usual ones were not recorded", func(t *testing.T) {
		t.Parallel()
		res := replayed(t, policy{user: true, raw: true}, policy{raw: true}, func(c *replay.Config) { c.AsksForMacros = false }, auth)
		assert.Equal(t, "the filter gets the MTA's usual macros at Connect, which were not recorded", res.NotReplayable)
	})
}

// Another MTA sends the macros of the client that the record tells, wherever they are requested.
func TestMacrosOfAnotherMTA(t *testing.T) {
	t.Parallel()
	auth := letter(miltertest.Auth("ann"))
	sendmail := func(c *replay.Config) { c.MTA = new(replay.Sendmail()) }
	late := policy{lateUser: true, refuseSender: "zoe"}
	res := replayed(t, late, policy{user: true, refuseSender: "zoe"}, sendmail, auth)
	require.Empty(t, res.NotReplayable)
	assert.Equal(t, "add X-Late: ann.", res.Messages[0].Differences[0].Recorded)
	assert.Equal(t, "add X-User: ann.", res.Messages[0].Differences[0].Now)
	res = replayed(t, policy{refuseHelo: "x"}, policy{tls: true}, sendmail, auth)
	assert.Equal(t, "the filter asks for the macro {tls_version} at Helo, which was not recorded", res.NotReplayable)
	res = replayed(t, late, late, sendmail, auth)
	assert.Empty(t, res.Text())
}

// Fields and replies that depend on the time can be left out of the comparison.
func TestIgnore(t *testing.T) {
	t.Parallel()
	tags := func(text string) policy { return policy{tag: text} }
	for name, c := range map[string]struct {
		was, is policy
		change  func(*replay.Config)
		differs bool
	}{
		"field":       {tags("1"), tags("2"), func(c *replay.Config) { c.Fields = replay.IgnoreFields("x-TAG") }, false},
		"other field": {tags("1"), tags("2"), func(c *replay.Config) { c.Fields = replay.IgnoreFields("X-Other") }, true},
		"tags":        {tags("v=1; t=1; b=xyz"), tags("v=1; t=2; b=abc"), func(c *replay.Config) { c.Fields = replay.IgnoreTags("x-tag", "t", "b") }, false},
		"other tags":  {tags("v=1; t=1; b=xyz"), tags("v=2; t=2; b=abc"), func(c *replay.Config) { c.Fields = replay.IgnoreTags("X-Tag", "t", "b") }, true},
		"all": {tags("v=1; t=1"), tags("v=1; t=2"), func(c *replay.Config) {
			c.Fields = replay.All(replay.IgnoreFields("X-Y"), replay.IgnoreTags("X-Tag", "t"))
		}, false},
		"text of reply":  {policy{refuseSender: "ann", reply: "try in 3 s"}, policy{refuseSender: "ann", reply: "try in 4 s"}, func(c *replay.Config) { c.Replies = replay.IgnoreText }, false},
		"reply compared": {policy{refuseSender: "ann", reply: "try in 3 s"}, policy{refuseSender: "ann", reply: "try in 4 s"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.differs, replayed(t, c.was, c.is, c.change, letter()).Differs())
		})
	}
}

func TestIgnoreText(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]string{
		"550 5.7.1 no":           "550 5.7.1",
		"451 4.7.1-a\n451 4.7.1": "451 4.7.1",
		"421 closing":            "421",
		"550-5.7.1 a\n550 5.7.1": "550 5.7.1",
	} {
		assert.Equal(t, want, replay.IgnoreText(reply), strings.ToUpper(reply))
	}
}
