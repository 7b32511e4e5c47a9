package maddy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
	"github.com/stretchr/testify/assert"
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
// For RCPT it is the first recipient of two. After some answers Maddy does not close its
// connection to the filter, so the test does not wait for that. The table shows what the
// client sees, and which mail arrives.
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
			fmt.Fprintf(&table, "| %v | %s | %s | %s |\n", stage, tt.name, seen, arrived(b.Sink()))
		}
	}
	assertGolden(t, "replies.md", table.String())
}

// TestPersonalityReplies compares the replies of miltertest.Maddy with those of the real
// one in replies.md: each answer at each stage, but for those by which a filter breaks off.
func TestPersonalityReplies(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(filepath.Join("testdata", "replies.md"))
	require.NoError(t, err)
	compared := 0
	for _, stage := range replyStages() {
		for _, tt := range replyCases(t) {
			inSession := stage == wire.CmdConnect || stage == wire.CmdHelo
			if tt.name == "shutdown" || len(tt.replies) == 0 || tt.name == "discard" && inSession {
				continue
			}
			_, row, ok := strings.Cut(string(table), fmt.Sprintf("| %v | %s | ", stage, tt.name))
			require.True(t, ok)
			seen, delivered, _ := strings.Cut(row, " | ")
			out := simulated(t, stage, tt.replies)
			switch {
			case seen == "success":
				assert.NotNil(t, out.Edited, "%v, %s", stage, tt.name)
				assert.Len(t, out.Accepted, 2)
			case stage == wire.CmdRcpt:
				assert.Contains(t, seen, "`"+out.Refused[0].Response.Lines()[0]+" (msg ID", tt.name)
				assert.True(t, strings.HasPrefix(delivered, "first to eve"))
				assert.Equal(t, []mta.Recipient{{Addr: "<eve@example.test>"}}, out.Edited.Recipients)
			default:
				assert.Contains(t, seen, "`"+out.Verdict.Lines()[0]+" (msg ID", "%v, %s", stage, tt.name)
				assert.Nil(t, out.Edited)
			}
			compared++
		}
	}
	assert.Equal(t, 8*10-2, compared)
}

// simulated sends a message of miltertest.Maddy to a filter that answers at one stage, once.
func simulated(t *testing.T, stage wire.CommandCode, replies []wire.Reply) *mta.Outcome {
	t.Helper()
	given := false
	r := newRaw(func(c wire.Command) []wire.Reply {
		if given || c.CommandCode() != stage {
			return nil
		}
		given = true
		return replies
	})
	mtaEnd, filterEnd := miltertest.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() { r.serve(filterEnd) })
	conn := mta.NewConn(mtaEnd, miltertest.Maddy().MTA)
	out, err := conn.Send(t.Context(), miltertest.Message("Subject: x\n\nx\n", miltertest.To("bob@example.test", "eve@example.test")))
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	serving.Wait()
	return out
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
