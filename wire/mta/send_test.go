package mta_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestSendInTheOrderOfPostfix(t *testing.T) {
	t.Parallel()
	f := &filter{}
	c := f.dial(t, mta.Config{})
	for range 2 {
		out, err := c.Send(context.Background(), letter())
		require.NoError(t, err)
		assert.Equal(t, wire.RepContinue, out.Verdict.Code)
		assert.Equal(t, string(letter().Bytes()), string(out.Edited.Bytes()))
	}
	f.quit(t, c)
	_, err := c.Send(context.Background(), letter())
	require.Error(t, err)

	session := []string{
		`SMFIC_OPTNEG version=6 actions=` + wire.KnownActions.String() + ` protocol=` + mta.PostfixOffer(6).Protocol.String(),
		`SMFIC_MACRO for SMFIC_CONNECT j="mx.example.org" {daemon_name}="mx.example.org" {daemon_addr}="192.0.2.25" v="Postfix 3.7.11" _="client.example.org [192.0.2.1]"`,
		`SMFIC_CONNECT host="client.example.org" family=4 address="192.0.2.1" port=54321`,
		`SMFIC_MACRO for SMFIC_HELO`,
		`SMFIC_HELO "client.example.org"`,
	}
	message := []string{
		`SMFIC_MACRO for SMFIC_MAIL {mail_addr}="a@example.org" {mail_host}="example.org" {mail_mailer}="smtp"`,
		`SMFIC_MAIL "<a@example.org>" ["SIZE=100"]`,
		`SMFIC_MACRO for SMFIC_RCPT {rcpt_addr}="b@example.net" {rcpt_host}="example.net" {rcpt_mailer}="local"`,
		`SMFIC_RCPT "<b@example.net>" []`,
		`SMFIC_MACRO for SMFIC_RCPT i="4ZsluiceZ1" {rcpt_addr}="c@example.net" {rcpt_host}="example.net" {rcpt_mailer}="local"`,
		`SMFIC_RCPT "<c@example.net>" []`,
		`SMFIC_MACRO for SMFIC_DATA i="4ZsluiceZ1"`,
		`SMFIC_DATA`,
		`SMFIC_MACRO for SMFIC_HEADER i="4ZsluiceZ1"`,
		`SMFIC_HEADER "From" "a@example.org"`,
		`SMFIC_MACRO for SMFIC_HEADER i="4ZsluiceZ1"`,
		`SMFIC_HEADER "Subject" "hello\n world"`,
		`SMFIC_MACRO for SMFIC_EOH i="4ZsluiceZ1"`,
		`SMFIC_EOH`,
		`SMFIC_MACRO for SMFIC_BODY i="4ZsluiceZ1"`,
		`SMFIC_BODY 10 bytes`,
		`SMFIC_MACRO for SMFIC_BODYEOB i="4ZsluiceZ1"`,
		`SMFIC_BODYEOB 0 bytes`,
		`SMFIC_ABORT`,
	}
	want := append(append(append(session, message...), message...), `SMFIC_ABORT`, `SMFIC_QUIT`)
	assert.Equal(t, want, f.commands())
}

func TestSendInTheOrderOfSendmail(t *testing.T) {
	t.Parallel()
	f := &filter{protocol: wire.ProtoNoMail}
	c := f.dial(t, mta.Config{Flavor: mta.Sendmail})
	_, err := c.Send(context.Background(), letter())
	require.NoError(t, err)
	f.quit(t, c)

	var names []string
	for _, line := range f.commands() {
		name, rest, _ := strings.Cut(line, " ")
		if name == "SMFIC_MACRO" {
			name += " " + strings.Fields(rest)[1]
		}
		names = append(names, name)
	}
	assert.Equal(t, []string{
		"SMFIC_OPTNEG", "SMFIC_MACRO SMFIC_CONNECT", "SMFIC_CONNECT",
		"SMFIC_MACRO SMFIC_HELO", "SMFIC_HELO", "SMFIC_MACRO SMFIC_MAIL", "SMFIC_MACRO SMFIC_RCPT", "SMFIC_RCPT",
		"SMFIC_MACRO SMFIC_RCPT", "SMFIC_RCPT", "SMFIC_DATA",
		"SMFIC_HEADER", "SMFIC_HEADER", "SMFIC_EOH", "SMFIC_BODY",
		"SMFIC_MACRO SMFIC_BODYEOB", "SMFIC_BODYEOB", "SMFIC_QUIT",
	}, names)
}

// Postfix sends the macros of an envelope event that the filter declined.
func TestSendMinimalTraffic(t *testing.T) {
	t.Parallel()
	no := wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoData |
		wire.ProtoNoHdrs | wire.ProtoNoEOH | wire.ProtoNoBody
	f := &filter{protocol: no, actions: wire.ActionSetSymList, macros: []wire.MacroList{
		{Stage: wire.MacroConnect, Names: "{none}"},
		{Stage: wire.MacroEOM, Names: "{none} i {daemon_name} {mail_addr}"},
	}}
	c := f.dial(t, mta.Config{})
	out, err := c.Send(context.Background(), &mta.Message{})
	require.NoError(t, err)
	for _, step := range out.Steps[:len(out.Steps)-1] {
		assert.Equal(t, mta.NotSent, step.Origin, step.Stage)
	}
	f.quit(t, c)
	assert.Equal(t, []string{
		`SMFIC_MACRO for SMFIC_CONNECT`, `SMFIC_MACRO for SMFIC_HELO`,
		`SMFIC_MACRO for SMFIC_MAIL {mail_addr}="" {mail_host}="" {mail_mailer}="smtp"`,
		`SMFIC_MACRO for SMFIC_DATA i="4ZsluiceZ1"`,
		`SMFIC_MACRO for SMFIC_BODYEOB i="4ZsluiceZ1" {daemon_name}="mx.example.org" {mail_addr}=""`,
		`SMFIC_BODYEOB 0 bytes`, `SMFIC_ABORT`, `SMFIC_ABORT`, `SMFIC_QUIT`,
	}, f.commands()[1:])
}

func TestSendVerdicts(t *testing.T) {
	t.Parallel()
	reply, err := wire.NewSMTPReply(554, "5.7.1", "100% no")
	require.NoError(t, err)
	for _, code := range []wire.CommandCode{
		wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdData,
		wire.CmdHeader, wire.CmdEOH, wire.CmdBody, wire.CmdBodyEOB,
	} {
		for name, tt := range map[string]struct {
			reply     wire.Reply
			delivered bool
		}{
			"accept":   {bare(wire.RepAccept)[0], true},
			"reject":   {bare(wire.RepReject)[0], false},
			"tempfail": {bare(wire.RepTempFail)[0], false},
			"shutdown": {bare(wire.RepShutdown)[0], false},
			"reply":    {&reply, false},
		} {
			t.Run(code.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				f := &filter{on: answer(code, tt.reply)}
				c := f.dial(t, mta.Config{})
				out, err := c.Send(context.Background(), letter())
				require.NoError(t, err)
				assert.Equal(t, tt.reply.ReplyCode(), out.Verdict.Code)
				assert.Equal(t, out.Steps[len(out.Steps)-1].Stage, out.DecidedAt)
				assert.Equal(t, tt.delivered, out.Edited != nil)
				assert.Equal(t, tt.delivered, out.Verdict.Lines() == nil)
				if tt.delivered {
					assert.Len(t, out.Edited.Recipients, 2)
				}
				last := f.commands()[len(f.commands())-1]
				assert.True(t, strings.HasPrefix(last, code.String()), "after the last word came %s", last)

				again, err := c.Send(context.Background(), letter())
				require.NoError(t, err)
				assert.Equal(t, out.Verdict, again.Verdict)
				assert.Equal(t, out.DecidedAt, again.DecidedAt)
				assert.Equal(t, tt.delivered, again.Edited != nil)
			})
		}
	}
}

func TestSendDiscard(t *testing.T) {
	t.Parallel()
	for _, code := range []wire.CommandCode{wire.CmdMail, wire.CmdRcpt, wire.CmdBody, wire.CmdBodyEOB} {
		c := (&filter{on: answer(code, bare(wire.RepDiscard)...)}).dial(t, mta.Config{})
		out, err := c.Send(context.Background(), letter())
		require.NoError(t, err)
		assert.Equal(t, wire.RepDiscard, out.Verdict.Code)
		assert.Nil(t, out.Edited)
	}
}

func TestSendRefusedRecipients(t *testing.T) {
	t.Parallel()
	f := &filter{protocol: wire.ProtoRcptRej, on: func(cmd wire.Command) []wire.Reply {
		if r, ok := cmd.(*wire.Rcpt); ok && strings.Contains(string(r.Recipient), "c@") {
			return bare(wire.RepReject)
		}
		return nil
	}}
	m := letter()
	m.Recipients = append(m.Recipients, mta.Recipient{Addr: "<d@example.net>", Refusal: "550 5.1.1 no such user"})
	c := f.dial(t, mta.Config{})
	out, err := c.Send(context.Background(), m)
	require.NoError(t, err)
	assert.Equal(t, wire.RepContinue, out.Verdict.Code)
	assert.Equal(t, []mta.Recipient{{Addr: "<b@example.net>"}}, out.Accepted)
	require.Len(t, out.Refused, 1)
	assert.Equal(t, "<c@example.net>", out.Refused[0].Addr)
	assert.Contains(t, f.commands(),
		`SMFIC_MACRO for SMFIC_RCPT i="4ZsluiceZ1" {rcpt_addr}="no such user" {rcpt_host}="5.1.1" {rcpt_mailer}="error"`)
}

func TestSendWithoutRecipientsLeft(t *testing.T) {
	t.Parallel()
	for flavor, want := range map[mta.Flavor]string{
		mta.Postfix: "OCHMRRAMRRAAQ", mta.Sendmail: "OCHMRRAMRRQ", mta.Plain: "OCHMRRAMRRAQ",
	} {
		f := &filter{on: answer(wire.CmdRcpt, bare(wire.RepTempFail)...)}
		c := f.dial(t, mta.Config{Flavor: flavor})
		for range 2 {
			out, err := c.Send(context.Background(), letter())
			require.NoError(t, err)
			assert.Equal(t, wire.RepTempFail, out.Verdict.Code)
			assert.Equal(t, mta.StageRcpt, out.DecidedAt)
		}
		f.quit(t, c)
		assert.Equal(t, want, letters(f.commands()), flavor)
	}
	c := new(filter).dial(t, mta.Config{})
	m := letter()
	m.Recipients = []mta.Recipient{{Addr: "<d@example.net>", Refusal: "550 5.1.1 no such user"}}
	out, err := c.Send(context.Background(), m)
	require.NoError(t, err)
	assert.True(t, out.Verdict.Refuses())
}

func TestSendEdits(t *testing.T) {
	t.Parallel()
	f := &filter{actions: everything, on: answer(
		wire.CmdBodyEOB,
		&wire.BareReply{Code: wire.RepProgress},
		&wire.AddHeader{Name: "X-Seen", Value: "yes"},
		&wire.ChangeHeader{Index: 1, Name: "subject", Value: "bye"},
		&wire.ReplaceBody{Chunk: []byte("new\r\nbo")},
		&wire.ReplaceBody{Chunk: []byte("dy\r\n")},
		&wire.Quarantine{Reason: "smells"},
		&wire.ChangeFrom{Sender: "<z@example.org>", Args: "RET=HDRS ENVID=x"},
		&wire.DelRcpt{Recipient: "b@example.net"},
		&wire.AddRcptPar{Recipient: "<e@example.net>", Args: "NOTIFY=NEVER"},
		&wire.BareReply{Code: wire.RepContinue},
	)}
	out, err := f.dial(t, mta.Config{}).Send(context.Background(), letter())
	require.NoError(t, err)
	assert.Len(t, out.Modifications, 8)
	assert.True(t, out.Quarantined)
	assert.Equal(t, "smells", out.Quarantine)
	assert.Equal(t, "From: a@example.org\r\nsubject: bye\r\nX-Seen: yes\r\n\r\nnew\r\nbody\r\n", string(out.Edited.Bytes()))
	assert.Equal(t, mta.Address{Addr: "<z@example.org>", Args: []string{"RET=HDRS", "ENVID=x"}}, out.Edited.Sender)
	assert.Equal(t, []mta.Recipient{
		{Addr: "<c@example.net>"}, {Addr: "<e@example.net>", Args: []string{"NOTIFY=NEVER"}},
	}, out.Edited.Recipients)
	assert.Len(t, out.Accepted, 2)
}

func TestSendLargeBodyAndSkip(t *testing.T) {
	t.Parallel()
	m := letter()
	m.Body = []byte(strings.Repeat("0123456789abcd\r\n", 3*wire.MaxBodyChunk/16))
	for name, on := range map[string]func(wire.Command) []wire.Reply{
		"whole": nil,
		"skip":  answer(wire.CmdBody, bare(wire.RepSkip)...),
	} {
		f := &filter{protocol: wire.ProtoSkip, on: on}
		out, err := f.dial(t, mta.Config{}).Send(context.Background(), m)
		require.NoError(t, err)
		chunks := 0
		for _, line := range f.commands() {
			if strings.HasPrefix(line, "SMFIC_BODY ") {
				chunks++
			}
		}
		if name == "skip" {
			assert.Equal(t, 1, chunks)
			assert.Equal(t, mta.Skipped, out.Steps[len(out.Steps)-2].Origin)
		} else {
			assert.Equal(t, 3, chunks)
		}
		assert.Equal(t, m.Body, out.Edited.Body)
	}
}

func TestSendAfterQuitNCStartsASession(t *testing.T) {
	t.Parallel()
	f := &filter{on: answer(wire.CmdHelo, bare(wire.RepReject)...)}
	c := f.dial(t, mta.Config{})
	for range 3 {
		out, err := c.Send(context.Background(), letter())
		require.NoError(t, err)
		require.Len(t, out.Steps, 2)
		require.NoError(t, c.QuitNC())
	}
	f.quit(t, c)
	assert.Equal(t, 3, strings.Count(strings.Join(f.commands(), "\n"), "SMFIC_HELO \""))
}

// If larger packets were negotiated, the body comes in larger chunks.
func TestSendLargeChunks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		offered, wanted wire.Protocol
		want            []string
	}{
		{0, 0, []string{"65535 bytes", "65535 bytes", "65535 bytes", "65535 bytes", "65535 bytes", "65535 bytes", "65535 bytes", "65535 bytes", "65535 bytes", "65535 bytes", "44650 bytes"}},
		{wire.ProtoMDS256K, wire.ProtoMDS256K, []string{"262143 bytes", "262143 bytes", "175714 bytes"}},
		{wire.ProtoMDS1M, wire.ProtoMDS1M, []string{"700000 bytes"}},
		{wire.ProtoMDS256K | wire.ProtoMDS1M, wire.ProtoMDS256K, []string{"262143 bytes", "262143 bytes", "175714 bytes"}},
	} {
		offer := mta.SendmailOffer()
		offer.Protocol |= tt.offered
		f := &filter{protocol: tt.wanted}
		c := f.dial(t, mta.Config{Flavor: mta.Sendmail, Offer: offer, Limit: 1000}) // the limit is for the filter's frames
		m := letter()
		m.Body = []byte(strings.Repeat("x", 700_000))
		_, err := c.Send(context.Background(), m)
		require.NoError(t, err)
		var chunks []string
		for _, line := range f.commands() {
			if size, ok := strings.CutPrefix(line, "SMFIC_BODY "); ok {
				chunks = append(chunks, size)
			}
		}
		assert.Equal(t, tt.want, chunks)
	}
}

// A client whose DATA was refused aborts the message or disconnects.
func TestSendRefusedAtData(t *testing.T) {
	t.Parallel()
	for flavor, want := range map[mta.Flavor]string{
		mta.Postfix: "OCHMRRTAMRRTAAQ", mta.Sendmail: "OCHMRRTAMRRTQ", mta.Plain: "OCHMRRTAMRRTAQ",
	} {
		f := &filter{on: answer(wire.CmdData, bare(wire.RepReject)...)}
		c := f.dial(t, mta.Config{Flavor: flavor})
		for range 2 {
			out, err := c.Send(context.Background(), letter())
			require.NoError(t, err)
			assert.Equal(t, mta.StageData, out.DecidedAt)
		}
		f.quit(t, c)
		assert.Equal(t, want, letters(f.commands()), flavor)
	}
}
