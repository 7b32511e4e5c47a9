package filter_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/logall/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// lines runs a message through the filter and returns the lines of the log,
// which are JSON objects.
func lines(t *testing.T, text string, opts ...miltertest.MessageOption) []map[string]any {
	t.Helper()
	var log bytes.Buffer
	res := miltertest.Run(t, filter.Filter{Limit: 20}, miltertest.Message(text, opts...),
		miltertest.Configure(func(c *framework.Config) { c.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }))
	res.AssertUnmodified(t)
	var all []map[string]any
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		all = append(all, fields)
	}
	return all
}

func find(t *testing.T, all []map[string]any, stage string) map[string]any {
	t.Helper()
	for _, line := range all {
		if line["msg"] == stage {
			return line
		}
	}
	require.Fail(t, "no line for the stage "+stage)
	return nil
}

func TestEveryStageIsLogged(t *testing.T) {
	t.Parallel()
	all := lines(t, "Subject: \x1b[31mred\nX: 1\n\nbody\n",
		miltertest.From("ann@example.org", "SIZE=10"), miltertest.To("bob@example.net"),
		miltertest.ToRefused("nobody@example.net", "550 5.1.1 unknown user"),
		miltertest.Client("192.0.2.7"), miltertest.QueueID("4F1"))

	var stages []string
	for _, line := range all {
		assert.NotEmpty(t, line["session"])
		stages = append(stages, line["msg"].(string))
	}
	assert.Equal(t, []string{
		"connect", "helo", "mail", "rcpt", "rcpt", "data", "header", "header",
		"end of headers", "body", "end of message", "close",
	}, stages)

	assert.Equal(t, "192.0.2.7", all[0]["addr"])
	mail := find(t, all, "mail")
	assert.Equal(t, "<ann@example.org>", mail["sender"])
	assert.Equal(t, []any{"SIZE=10"}, mail["args"])
	assert.Nil(t, all[3]["rejected"])
	assert.Equal(t, true, all[4]["rejected"])
	assert.Equal(t, "<nobody@example.net>", all[4]["recipient"])
	assert.Equal(t, "error", all[4]["macros"].(map[string]any)["rcpt_mailer"])
	header := find(t, all, "header")
	assert.Equal(t, ` \x1b[31mred`, header["value"])
	assert.Equal(t, "4F1", header["queue_id"])
	body := find(t, all, "body")
	assert.InEpsilon(t, 6.0, body["bytes"], 0)
	assert.Equal(t, `body\r\n`, body["chunk"])
}

func TestLongValuesAreCut(t *testing.T) {
	t.Parallel()
	all := lines(t, "A: b\n\n"+strings.Repeat("x", 100)+"\n")
	assert.Equal(t, strings.Repeat("x", 20)+"… and 82 bytes more", find(t, all, "body")["chunk"])
}

func TestMessagesOfASession(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	srv := miltertest.NewServer(t, filter.Filter{Limit: 20}, miltertest.Configure(func(c *framework.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	}))
	conn := srv.Dial(t)
	conn.Run(t, miltertest.Message("A: b\n\nc\n")).AssertUnmodified(t)
	conn.Run(t, miltertest.Message("A: b\n\nc\n")).AssertUnmodified(t)
	_, err := conn.Mail(t.Context(), "<ann@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Abort())
	_, err = conn.Unknown(t.Context(), "WHAT\x07")
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	assert.Contains(t, log.String(), "message=3")
	assert.Contains(t, log.String(), "msg=abort")
	assert.Contains(t, log.String(), `line=WHAT\a`)
	assert.Contains(t, log.String(), "msg=close")
	assert.Contains(t, log.String(), "messages=3")
}
