package maddy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
	"github.com/stretchr/testify/require"
)

// replyStages are the events that Maddy sends.
func replyStages() []wire.CommandCode {
	return []wire.CommandCode{
		wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdHeader, wire.CmdEOH, wire.CmdBody, wire.CmdBodyEOB,
	}
}

type replyCase struct {
	name    string
	replies []wire.Reply
}

func smtp(t *testing.T, code int, status string, lines ...string) []wire.Reply {
	t.Helper()
	r, err := wire.NewSMTPReply(code, status, lines...)
	require.NoError(t, err)
	return []wire.Reply{&r}
}

func replyCases(t *testing.T) []replyCase {
	t.Helper()
	return []replyCase{
		{"accept", []wire.Reply{bare(wire.RepAccept)}},
		{"reject", []wire.Reply{bare(wire.RepReject)}},
		{"tempfail", []wire.Reply{bare(wire.RepTempFail)}},
		{"discard", []wire.Reply{bare(wire.RepDiscard)}},
		{"550 5.7.1 no", smtp(t, 550, "5.7.1", "no")},
		{"554, no status", smtp(t, 554, "", "no")},
		{"550 in two lines", smtp(t, 550, "5.7.1", "no", "and no")},
		{"450 4.2.0 later", smtp(t, 450, "4.2.0", "later")},
		{"421 4.7.0 bye", smtp(t, 421, "4.7.0", "bye")},
		{"shutdown", []wire.Reply{bare(wire.RepShutdown)}},
		{"progress, continue", []wire.Reply{bare(wire.RepProgress), bare(wire.RepContinue)}},
		{"the connection breaks", []wire.Reply{}},
	}
}

// TestReplies gives each answer at each stage of the first of two messages of a session.
// For RCPT it is the first recipient of two. The table shows what the client sees, and
// which mail arrives.
func TestReplies(t *testing.T) {
	t.Parallel()
	b := newBehind(t)
	var table strings.Builder
	table.WriteString("| at | answer | the client sees | delivered |\n|---|---|---|---|\n")
	for _, stage := range replyStages() {
		for _, tt := range replyCases(t) {
			b.Sink().Reset()
			given := false
			r := newRaw(func(c wire.Command) []wire.Reply {
				if given || c.CommandCode() != stage {
					return nil
				}
				given = true
				return tt.replies
			})
			b.Serve(r.serve)
			seen := twoMessages(t, b.client(t))
			r.traffic()
			fmt.Fprintf(&table, "| %v | %s | %s | %s |\n", stage, tt.name, seen, arrived(b.Sink()))
		}
	}
	assertGolden(t, "replies.md", table.String())
}

// twoMessages sends two messages to two recipients each, as a usual client does. It
// returns the replies that refuse.
func twoMessages(t *testing.T, c *realmta.Client) string {
	t.Helper()
	var refusals []string
	cmd := func(name, line string) bool {
		code, text := c.Cmd(line)
		if 200 <= code && code < 400 {
			return true
		}
		refusals = append(refusals, masked(fmt.Sprintf("%s: `%d %s`", name, code, text)))
		return false
	}
	for i := range 2 {
		taken := 0
		cmd("MAIL", fmt.Sprintf("MAIL FROM:<ann%d@example.org>", i+1))
		for _, to := range []string{"bob", "eve"} {
			if cmd("RCPT", "RCPT TO:<"+to+"@example.test>") {
				taken++
			}
		}
		if taken > 0 && cmd("DATA", "DATA") {
			cmd("message", "Subject: x\r\n\r\nx\r\n.")
		}
		if i == 0 && len(refusals) > 0 {
			cmd("RSET", "RSET")
		}
	}
	_, _ = c.Cmd("QUIT")
	return counted(refusals)
}

// counted returns a list without repetitions, which it counts.
func counted(list []string) string {
	if len(list) == 0 {
		return "success"
	}
	var parts []string
	for _, text := range slices.Compact(slices.Clone(list)) {
		n := 0
		for _, other := range list {
			if other == text {
				n++
			}
		}
		if n > 1 {
			text = fmt.Sprintf("%d times %s", n, text)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// arrived describes the messages of twoMessages that arrived. Maddy delivers a message
// before it replies to it.
func arrived(sink *realmta.Sink) string {
	var all []string
	for i, from := range []string{"ann1@example.org", "ann2@example.org"} {
		list := sink.Delivered()
		what := "not"
		if at := slices.IndexFunc(list, func(d realmta.Delivered) bool { return d.From == from }); at >= 0 {
			what = "to " + strings.ReplaceAll(strings.Join(list[at].To, " and "), "@example.test", "")
		}
		all = append(all, fmt.Sprintf("%s %s", []string{"first", "second"}[i], what))
	}
	return strings.Join(all, ", ")
}
