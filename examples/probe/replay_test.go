package main_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// recordedMail returns a folder with the records of 6 messages, one of which was refused.
func recordedMail(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("old", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
			if e.Sender() == "a3@example.org" {
				return framework.Reply(550, "5.7.1", "no")
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Tag", "1")
		})
		return nil
	}))
	var msgs []*mta.Message
	for i := range 6 {
		msgs = append(msgs, miltertest.Message("Subject: hello\n\n.\n", miltertest.From(fmt.Sprintf("a%d@example.org", i)), miltertest.QueueID(fmt.Sprint("Q", i))))
	}
	require.NoError(t, replaying.Record(t.Context(), folder, r, mta.Config{}, msgs...))
	return folder
}

func TestReplay(t *testing.T) {
	t.Parallel()
	folder := recordedMail(t)
	const mailAndEnd = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoRcpt | wire.ProtoNoData | wire.ProtoNoHdrs | wire.ProtoNoEOH |
		wire.ProtoNoBody | wire.ProtoNoUnknown
	milter := func(protocol wire.Protocol, tag string, atMail ...wire.Reply) string {
		f := &filter{
			negotiate: wire.Negotiate{
				Version: 6, Actions: wire.ActionAddHdrs | wire.ActionSetSymList, Protocol: protocol,
				Macros: []wire.MacroList{{Stage: wire.MacroConnect, Names: "t v"}},
			},
			replies: map[wire.CommandCode][]wire.Reply{
				wire.CmdBodyEOB: {&wire.AddHeader{Name: "X-Tag", Value: tag}, &wire.BareReply{Code: wire.RepContinue}},
			},
		}
		if atMail != nil {
			f.replies[wire.CmdMail] = atMail
		}
		return f.start(t)
	}
	tagged := milter(mailAndEnd, "1")
	for _, c := range []struct {
		name   string
		args   []string
		status int
		out    string
		err    string
	}{
		{"nothing is refused", []string{"-milter", tagged}, 4, "1 of 6 messages would be treated differently:\n      1  verdict: ", ""},
		{"another tag", []string{"-milter", milter(mailAndEnd, "2")}, 4, "6 of 6 messages", ""},
		{"another tag that is left out", []string{"-milter", milter(mailAndEnd, "2"), "-ignore", "x-tag"}, 4, "1 of 6 messages", ""},
		{"as Sendmail", []string{"-milter", tagged, "-flavor", "sendmail", "-connections", "1"}, 4, "1 of 6 messages", ""},
		{"more is asked for", []string{"-milter", milter(mailAndEnd&^wire.ProtoNoRcpt, "1")}, 4, "could not be replayed:\n      5  the filter asks for the recipients, which the recorded one had not asked for: Q0", ""},
		{"the body is asked for, and nothing is refused", []string{"-milter", milter(0, "1")}, 5, "6 could not be replayed:", ""},
		{"no milter", []string{"-milter", "unix:/nonexistent/x"}, 1, "", "no such file"},
		{"a message, too", []string{"-milter", tagged, "testdata/message.eml"}, 2, "", "-replay takes no message"},
		{"a sender, too", []string{"-milter", tagged, "-from", "x@example.org"}, 2, "", "-from has no effect with -replay"},
		{"no MTA", []string{"-milter", tagged, "-flavor", "exim"}, 2, "", "want postfix, sendmail, stalwart or plain"},
		{"no connections", []string{"-milter", tagged, "-connections", "0"}, 2, "", "-connections 0 is not between 1 and 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := run(t, "", append([]string{"-replay", folder}, c.args...)...)
			assert.Equal(t, c.status, res.status, res.stdout+res.stderr)
			assert.Contains(t, res.stdout, c.out)
			assert.Contains(t, res.stderr, c.err)
		})
	}
	res := run(t, "", "-milter", tagged, "-flavor", "sendmail", "testdata/message.eml")
	assert.Equal(t, 2, res.status)
	assert.Contains(t, res.stderr, "-flavor and -connections need -replay")
	res = run(t, "", "-milter", tagged, "-replay", folder, "-json")
	var out struct {
		Messages []struct {
			Messages []struct {
				Differences []struct{ Kind, Recorded, Now string }
			}
		}
		Summary struct{ Records, Different int }
	}
	require.NoError(t, json.Unmarshal([]byte(res.stdout), &out), res.stdout)
	assert.Equal(t, 6, out.Summary.Records)
	require.Len(t, out.Messages, 1)
	assert.Equal(t, "not refused there", out.Messages[0].Messages[0].Differences[0].Now)
}
