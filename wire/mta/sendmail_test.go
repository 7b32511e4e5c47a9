//go:build integration

package mta_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta" //nolint:depguard // it drives the real Sendmail, and knows nothing of this package
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// attend configures the MTA to use the filter.
func (f *filter) attend(t *testing.T, server realmta.MTA) {
	t.Helper()
	l := server.Listen(t, "unix")
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
	server.SetFilters(t, l.Addr())
}

// Send sends the same commands as Sendmail, with macros at the same places.
func TestTrafficOfSendmail(t *testing.T) {
	t.Parallel()
	server := realmta.StartSendmail(t, realmta.SendmailConfig{})
	for name, script := range map[string]script{
		"all":               {},
		"no replies":        {protocol: wire.ProtoNRHdr | wire.ProtoNRBody | wire.ProtoNRMail},
		"nothing":           {protocol: nothing},
		"leadspc":           {protocol: wire.ProtoHdrLeadSpc},
		"lists":             {actions: wire.ActionSetSymList, macros: lists("j v", wire.MacroConnect, wire.MacroEOH, wire.MacroEOM)},
		"no lists":          {actions: wire.ActionSetSymList, macros: lists(" ", wire.MacroConnect, wire.MacroEnvFrom, wire.MacroEnvRcpt)},
		"refused at HEADER": says(wire.CmdHeader, wire.RepReject),
		"refused at EOM":    says(wire.CmdBodyEOB, wire.RepReject),
		"accepted at RCPT":  says(wire.CmdRcpt, wire.RepAccept),
		"refused at DATA":   says(wire.CmdData, wire.RepReject),
		"accepted at MAIL":  says(wire.CmdMail, wire.RepAccept),
		"skip at RCPT":      says(wire.CmdRcpt, wire.RepSkip),
		"skip at HEADER":    says(wire.CmdHeader, wire.RepSkip),
		"refused at HELO":   says(wire.CmdHelo, wire.RepReject),
	} {
		t.Run(name, func(t *testing.T) {
			theirs, ours := script.filter(), script.filter()
			theirs.attend(t, server)
			client := realmta.DialSMTP(t, server.Addr())
			client.Cmd("EHLO client.example.test")
			c := ours.dial(t, mta.Config{Flavor: mta.Sendmail})
			m := realLetter(t)
			for i := range 2 {
				if i > 0 {
					client.Cmd("RSET") // as clients do that were refused
				}
				_, _ = client.Deliver(realmta.Message{
					From: "a@example.org", To: []string{"b@example.net", "c@example.net"}, Data: []byte(text),
				})
				_, err := c.Send(context.Background(), m)
				require.NoError(t, err)
			}
			client.Cmd("QUIT")
			ours.quit(t, c)
			require.Eventually(t, func() bool {
				list := theirs.commands()
				return len(list) > 0 && list[len(list)-1] == "SMFIC_QUIT"
			}, time.Minute, 10*time.Millisecond)
			assert.Equal(t, unlike(shape(theirs.commands())), unlike(shape(ours.commands())))
		})
	}
}

// unlike removes the offer and the order of macros.
func unlike(lines []string) []string {
	var out []string
	for _, line := range lines {
		line, macros, found := strings.Cut(line, " for ")
		if found {
			names := strings.Fields(macros)
			slices.Sort(names[1:])
			line += " for " + strings.Join(names, " ")
		}
		if !strings.HasPrefix(line, "SMFIC_OPTNEG") {
			out = append(out, line)
		}
	}
	return out
}

// Apply returns the message that Sendmail delivers.
func TestEditsOfSendmail(t *testing.T) {
	t.Parallel()
	server := realmta.StartSendmail(t, realmta.SendmailConfig{})
	for name, mods := range map[string][]wire.Reply{
		"add":                   {add("C", "3"), add("D", "4\n\t5")},
		"add one that is there": {add("x", "9")},
		"insert at 0":           {ins(0, "C", "3")},
		"insert at 3":           {ins(3, "C", "3")},
		"insert at 10":          {ins(10, "C", "3")},
		"insert past the end":   {ins(99, "C", "3")},
		"change":                {chg(2, "x", "new")},
		"change past the last":  {chg(4, "X", "new")},
		"delete first to last":  {chg(1, "X", ""), chg(2, "X", "")},
		"delete last to first":  {chg(2, "X", ""), chg(1, "X", "")},
		"delete, then change":   {chg(1, "X", ""), chg(1, "X", "new")},
		"replace the body":      {&wire.ReplaceBody{Chunk: []byte("new\r\nbody\r\n")}},
		"a recipient twice":     {&wire.AddRcpt{Recipient: "<c@example.net>"}, &wire.DelRcpt{Recipient: "<b@example.net>"}},
	} {
		t.Run(name, func(t *testing.T) {
			server.Sink().Reset()
			edits(mods...).filter().attend(t, server)
			client := realmta.DialSMTP(t, server.Addr())
			client.Cmd("EHLO client.example.test")
			code, reply := client.Deliver(realmta.Message{
				From: "a@example.org", To: []string{"b@example.net", "c@example.net"}, Data: []byte(text),
			})
			require.Equal(t, 250, code, reply)
			client.Cmd("QUIT")
			got := server.Sink().Wait(t, 1)[0]
			out, err := edits(mods...).filter().dial(t, mta.Config{Flavor: mta.Sendmail}).Send(context.Background(), realLetter(t))
			require.NoError(t, err)
			assert.Equal(t, string(out.Edited.Bytes()), string(got.WithoutTrace()))
			var to []string
			for _, r := range out.Edited.Recipients {
				to = append(to, strings.Trim(r.Addr, "<>"))
			}
			assert.ElementsMatch(t, to, got.To)
		})
	}
}
