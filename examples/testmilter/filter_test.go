package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/testmilter"
	"github.com/sluicemail/sluice/examples/testmilter/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

const message = "Subject: one\nX-Tag: a\nX-Tag: b\n\nold\n"

// try runs a message through a filter with the given flags.
func try(t *testing.T, msg *mta.Message, args ...string) (res *miltertest.Result, lines []string) {
	t.Helper()
	orders, err := main.Parse(args)
	require.NoError(t, err)
	var out bytes.Buffer
	f := &filter.Filter{Orders: orders, Out: &out, Stop: func() {}}
	res = miltertest.Run(t, f, msg)
	return res, strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestPrintsWhatItIsTold(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message(message, miltertest.From("a@example.org", "SIZE=5"), miltertest.To("b@example.net"),
		miltertest.ToRefused("c@example.net", "550 5.1.1 no"))
	res, lines := try(t, msg, "-r", "-l", "-v", "-m", "mail", "-M", "{mail_addr} {none}")
	res.AssertUnmodified(t)
	assert.Equal(t, []string{
		`connect "client.example.org" 192.0.2.1:54321`,
		`helo "client.example.org"`,
		`mail "<a@example.org>" "SIZE=5"`,
		`macro mail_addr="a@example.org"`,
		`rcpt "<b@example.net>"`,
		`rejected "<c@example.net>"`,
		`data`,
		`header "Subject" " one"`,
		`header "X-Tag" " a"`,
		`header "X-Tag" " b"`,
		`eoh`,
		`body "old\x0d\x0a"`,
		`eom`,
		`close`,
	}, lines)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stage, action string
		want          wire.ReplyCode
		at            mta.Stage
	}{
		"connect": {"", "tempfail", wire.RepTempFail, mta.StageConnect},
		"helo":    {"helo", "reject", wire.RepReject, mta.StageHelo},
		"mail":    {"mail", "450 4.7.1 later", wire.RepReplyCode, mta.StageMail},
		"data":    {"data", "discard", wire.RepDiscard, mta.StageData},
		"header":  {"header", "accept", wire.RepAccept, mta.StageHeader},
		"eoh":     {"eoh", "reject", wire.RepReject, mta.StageEndOfHeaders},
		"body":    {"body", "tempfail", wire.RepTempFail, mta.StageBody},
		"eom":     {"eom", "550 5.7.1 100% spam\nreally", wire.RepReplyCode, mta.StageEndOfMessage},
		"skip":    {"body", "skip", wire.RepContinue, mta.StageEndOfMessage},
		"unknown": {"unknown", "reject", wire.RepContinue, mta.StageEndOfMessage},
		"abort":   {"abort", "reject", wire.RepContinue, mta.StageEndOfMessage},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, _ := try(t, miltertest.Message(message), "-a", c.action, "-c", c.stage)
			assert.Equal(t, c.want, res.Verdict.Code)
			assert.Equal(t, c.at, res.DecidedAt)
			if name == "eom" {
				assert.Equal(t, "550-5.7.1 100% spam\n550 5.7.1 really", res.Reply())
			}
		})
	}
}

func TestRefusesTheRecipients(t *testing.T) {
	t.Parallel()
	res, _ := try(t, miltertest.Message(message), "-c", "rcpt", "-a", "550 5.7.1 not here")
	assert.Equal(t, mta.StageRcpt, res.RefusedAt())
	assert.Equal(t, "550 5.7.1 not here", res.Reply())
}

func TestEdits(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(file, []byte("new\nbody"), 0o600))
	res, _ := try(t, miltertest.Message(message, miltertest.To("b@example.net", "c@example.net")),
		"-b", file, "-f", "<s@example.org> RET=HDRS", "-i", "1 X-New first", "-h", "2 x-tag changed",
		"-A", "d@example.net", "-A", "e@example.net", "-D", "<b@example.net>", "-D", "d@example.net")
	res.AssertAccepted(t)
	assert.Equal(t, "new\r\nbody\r\n", res.Body())
	assert.Equal(t, "s@example.org", res.Sender())
	assert.Equal(t, []string{"c@example.net", "e@example.net"}, res.Recipients())
	assert.Equal(t, "X-New", res.Edited.Header[0].Name)
	assert.Equal(t, []string{"a", "changed"}, res.HeaderValues("X-Tag"))
}

func TestEditsOfTheHeader(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		tags []string
		says string
	}{
		"index 0 is the first":  {[]string{"-h", "0 X-Tag new"}, []string{"new", "b"}, "eom"},
		"without a value":       {[]string{"-h", "1 X-Tag"}, []string{"b"}, "eom"},
		"past the last":         {[]string{"-h", "3 X-Tag new"}, []string{"a", "b"}, "failed change: "},
		"deleted past the last": {[]string{"-h", "3 X-Tag"}, []string{"a", "b"}, "eom"},
		"not a name":            {[]string{"-i", "0 X:Tag new"}, []string{"a", "b"}, "failed insert: "},
		"with the space":        {[]string{"-l", "-h", "1 X-Tag  new"}, []string{" new", "b"}, "eom"},
		"without the space":     {[]string{"-l", "-h", "1 X-Tag:new"}, []string{"new", "b"}, "eom"},
		"raw, not a deletion":   {[]string{"-l", "-h", "1 X-Tag new"}, []string{"new", "b"}, "eom"},
		"raw, a deletion":       {[]string{"-l", "-h", "1 X-Tag"}, []string{"b"}, "eom"},
		"far below":             {[]string{"-i", "99 X-Tag new"}, []string{"a", "b", "new"}, "eom"},
		"above all":             {[]string{"-i", "0 X-Tag new"}, []string{"new", "a", "b"}, "eom"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, lines := try(t, miltertest.Message(message), c.args...)
			res.AssertAccepted(t)
			assert.Equal(t, c.tags, res.HeaderValues("X-Tag"))
			assert.Contains(t, strings.Join(lines, "\n"), c.says)
		})
	}
}

// The test compares the field itself, because HeaderValues removes the space.
func TestRawFields(t *testing.T) {
	t.Parallel()
	for order, want := range map[string]string{"1 X-New:v": "v", "1 X-New v": " v", "1 X-New  v": "  v", "1 X-New: v": " v"} {
		res, _ := try(t, miltertest.Message(message), "-l", "-i", order)
		assert.Equal(t, mta.Field{Name: "X-New", Value: want}, res.Edited.Header[0], order)
	}
}

func TestABodyThatIsGoneIsSaid(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	orders, err := main.Parse([]string{"-b", file})
	require.NoError(t, err)
	require.NoError(t, os.Remove(file))
	var out bytes.Buffer
	res := miltertest.Run(t, &filter.Filter{Orders: orders, Out: &out}, miltertest.Message(message))
	res.AssertUnmodified(t)
	assert.Contains(t, out.String(), "failed body: ")
}

func TestStagesLeftOut(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "unknown"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			asked, lines := try(t, miltertest.Message(message))
			assert.Zero(t, asked.Negotiated.Protocol&^wire.ProtoSkip)

			unsent, fewer := try(t, miltertest.Message(message), "-n", stage)
			quiet, same := try(t, miltertest.Message(message), "-N", stage)
			assert.Equal(t, lines, same)
			assert.NotContains(t, strings.Join(fewer, "\n"), "\n"+stage)
			for _, res := range []*miltertest.Result{unsent, quiet} {
				assert.Len(t, (res.Negotiated.Protocol &^ wire.ProtoSkip).Names(), 1)
			}
			assert.NotEqual(t, unsent.Negotiated.Protocol, quiet.Negotiated.Protocol)
		})
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	for want, client := range map[string]mta.Client{
		"[2001:db8::1]:25":    {Family: wire.FamilyInet6, Addr: "2001:db8::1", Port: 25},
		"unix:/run/smtp.sock": {Family: wire.FamilyUnix, Addr: "/run/smtp.sock"},
		"unix:/a?eoh?b?":      {Family: wire.FamilyUnix, Addr: "/a\neoh\rb\u202e"}, // it must not look like another event
		"unknown":             {Family: wire.FamilyUnknown},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			msg := miltertest.Message(message)
			client.Host = "localhost"
			msg.Client = client
			_, lines := try(t, msg)
			assert.Equal(t, `connect "localhost" `+want, lines[0])
		})
	}
}

func TestStopsAfterTheLastConnection(t *testing.T) {
	t.Parallel()
	orders, err := main.Parse([]string{"-C", "2"})
	require.NoError(t, err)
	stopped := 0
	f := &filter.Filter{Orders: orders, Out: &bytes.Buffer{}, Stop: func() { stopped++ }}
	r := framework.NewRouter()
	r.Mount(f)
	for i, want := range []int{0, 1, 1} {
		miltertest.RunRouter(t, r, miltertest.Message(message)).AssertAccepted(t)
		assert.Equal(t, want, stopped, "after connection %d", i+1)
	}
}

func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	orders, err := main.Parse([]string{"-c", "unknown", "-a", "503 5.5.1 no"})
	require.NoError(t, err)
	var out bytes.Buffer
	conn := miltertest.NewServer(t, &filter.Filter{Orders: orders, Out: &out}).Dial(t)
	resp, err := conn.Unknown(t.Context(), "FOO bar\x01")
	require.NoError(t, err)
	assert.Equal(t, []string{"503 5.5.1 no"}, resp.Lines())
	assert.Equal(t, "unknown \"FOO bar\\x01\"\n", out.String())
}
