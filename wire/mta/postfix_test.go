//go:build integration

package mta_test

import (
	"context"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta" //nolint:depguard // it drives the real Postfix, and knows nothing of this package
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// keep serves the filter on all connections and returns its address in
// Postfix's notation.
func (f *filter) keep(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.serving.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return "inet:" + l.Addr().String()
}

// text is a message to which Postfix adds nothing.
const text = "From: a@example.org\r\nTo: b@example.net\r\nX: 1\r\nSubject: a long\r\n\tfolded  subject \r\n" +
	"Date: Sun, 22 Nov 2026 07:00:00 +0000\r\nX:2\r\nMessage-Id: <1@example.org>\r\nX:\t3\r\n\r\nbody\r\n\r\nend\r\n"

func realLetter(t *testing.T) *mta.Message {
	t.Helper()
	m, err := mta.ReadMessage(strings.NewReader(text))
	require.NoError(t, err)
	m.Helo = "client.example.test"
	m.Sender.Addr = "<a@example.org>"
	m.Recipients = []mta.Recipient{{Addr: "<b@example.net>"}, {Addr: "<c@example.net>"}}
	return m
}

var (
	macroValue = regexp.MustCompile(`(\S+)="(?:[^"\\]|\\.)*"`)
	clientLine = regexp.MustCompile(`^(SMFIC_CONNECT).*`)
)

// shape removes from the traffic what differs between runs.
func shape(lines []string) []string {
	var out []string
	for _, line := range lines {
		if strings.HasPrefix(line, "SMFIC_MACRO") {
			line = macroValue.ReplaceAllString(line, "$1")
		}
		out = append(out, clientLine.ReplaceAllString(line, "$1"))
	}
	return out
}

// Send sends the same commands as Postfix, including macros.
func TestTrafficOfPostfix(t *testing.T) {
	t.Parallel()
	postfix := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for _, version := range []uint32{2, 3, 4, 6} {
		offer := mta.PostfixOffer(version)
		for name, protocol := range map[string]wire.Protocol{
			"all":     0,
			"none":    offer.Protocol &^ (wire.ProtoHdrLeadSpc | wire.ProtoSkip | wire.ProtoRcptRej),
			"leadspc": offer.Protocol & (wire.ProtoHdrLeadSpc | wire.ProtoNRHdr | wire.ProtoNRBody),
		} {
			theirs := &filter{protocol: protocol}
			postfix.Reconfigure(t, map[string]string{
				"smtpd_milters": theirs.keep(t), "milter_protocol": strconv.Itoa(int(version)),
			})
			client := realmta.DialSMTP(t, postfix.Addr())
			client.Cmd("EHLO client.example.test")
			ours := &filter{protocol: protocol}
			c := ours.dial(t, mta.Config{Offer: offer})
			for range 2 {
				code, reply := client.Deliver(realmta.Message{
					From: "a@example.org", To: []string{"b@example.net", "c@example.net"}, Data: []byte(text),
				})
				require.Equal(t, 250, code, reply)
				_, err := c.Send(context.Background(), realLetter(t))
				require.NoError(t, err)
			}
			client.Cmd("QUIT")
			ours.quit(t, c)
			require.Eventually(t, func() bool {
				list := theirs.commands()
				return list[len(list)-1] == "SMFIC_QUIT"
			}, time.Minute, 10*time.Millisecond)
			assert.Equal(t, shape(theirs.commands()), shape(ours.commands()), "version %d, %s", version, name)
		}
	}
}

// Apply returns the message that Postfix delivers.
func TestEditsOfPostfix(t *testing.T) {
	t.Parallel()
	postfix := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for name, mods := range map[string][]wire.Reply{
		"add":                   {add("C", "3"), add("D", "4\n\t5")},
		"insert at 0":           {ins(0, "C", "3")},
		"insert at 1":           {ins(1, "C", "3")},
		"insert at 3":           {ins(3, "C", "3")},
		"insert past the end":   {ins(99, "C", "3")},
		"insert below zero":     {ins(-1, "C", "3")},
		"insert twice":          {ins(1, "C", "3"), ins(1, "D", "4")},
		"change":                {chg(2, "x", "new")},
		"change index 0":        {chg(0, "X", "new")},
		"change below zero":     {chg(-1, "X", "new")},
		"change past the last":  {chg(4, "X", "new")},
		"change what was added": {add("C", "3"), chg(1, "C", "new")},
		"delete first to last":  {chg(1, "X", ""), chg(2, "X", "")},
		"delete last to first":  {chg(2, "X", ""), chg(1, "X", "")},
		"delete, then change":   {chg(1, "X", ""), chg(1, "X", "new")},
		"change after insert 0": {ins(0, "X", "0"), chg(1, "X", "new")},
		"own Received stays":    {ins(0, "X", "0"), chg(1, "Received", "new"), chg(2, "X", "")},
		"insert 0 twice":        {ins(0, "X", "0"), ins(0, "Y", "0"), chg(1, "X", "new")},
		"replace the body":      {&wire.ReplaceBody{Chunk: []byte("new\r")}, &wire.ReplaceBody{Chunk: []byte("\nbody")}},
		"empty body":            {&wire.ReplaceBody{}},
		"envelope": {
			&wire.ChangeFrom{Sender: "<z@example.org>"}, &wire.AddRcpt{Recipient: "<d@example.net>"},
			&wire.AddRcpt{Recipient: "<c@example.net>"}, &wire.DelRcpt{Recipient: "b@example.net"},
		},
	} {
		for _, protocol := range []wire.Protocol{0, wire.ProtoHdrLeadSpc} {
			replies := append(append([]wire.Reply(nil), mods...), &wire.BareReply{Code: wire.RepContinue})
			script := func() *filter {
				return &filter{actions: everything, protocol: protocol, on: answer(wire.CmdBodyEOB, replies...)}
			}
			postfix.Reconfigure(t, map[string]string{"smtpd_milters": script().keep(t)})
			client := realmta.DialSMTP(t, postfix.Addr())
			client.Cmd("EHLO client.example.test")
			mark := "m" + strconv.Itoa(len(postfix.Log()))
			body := strings.Replace(text, "<1@", "<"+mark+"@", 1)
			code, reply := client.Deliver(realmta.Message{
				From: "a@example.org", To: []string{"b@example.net", "c@example.net"}, Data: []byte(body),
			})
			require.Equal(t, 250, code, reply)
			client.Cmd("QUIT")
			got := postfix.Sink().Await(t, realmta.Containing(mark))

			m := realLetter(t)
			for i := range m.Header {
				m.Header[i].Value = strings.Replace(m.Header[i].Value, "<1@", "<"+mark+"@", 1)
			}
			out, err := script().dial(t, mta.Config{}).Send(context.Background(), m)
			require.NoError(t, err)
			assert.Equal(t, string(out.Edited.Bytes()), string(got.WithoutTrace()), "%s, %v", name, protocol)
			assert.Equal(t, out.Edited.Sender.Addr, "<"+got.From+">", name)
			var to []string
			for _, r := range out.Edited.Recipients {
				to = append(to, strings.Trim(r.Addr, "<>"))
			}
			assert.ElementsMatch(t, to, got.To, name)
		}
	}
}
