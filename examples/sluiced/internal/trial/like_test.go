package trial_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// texts are messages that are usual, and others that are odd.
func texts() map[string]string {
	return map[string]string{
		"usual":         text,
		"CRLF":          strings.ReplaceAll(text, "\n", "\r\n"),
		"empty":         "",
		"no body":       "Subject: hello\n\n",
		"no empty line": "Subject: hello\n",
		"no header":     "\nHow are you?\n",
		"no fields":     "How are you?\nI am fine.\n",
		"no line end":   "Subject: hello\n\nHow are you?",
		"8-bit":         "Subject: Gr\xc3\xbc\xc3\x9fe\nX-Latin: Gr\xfc\xdfe\n\nGr\xfc\xdfe \x80\xff\n",
		"NUL in a body": "Subject: hello\n\na\x00b\x00\n",
		"folded":        "Received: from a\n\tby b;\n Sun\nSUBJECT:no space\nsubject:  two of it\nX-Empty:\n\n.\n..\n",
		"large":         "Subject: large\n\n" + strings.Repeat(strings.Repeat("0123456789abcdef", 4)[:62]+"\n", 5000),
	}
}

// TestLikeMiltertest compares trials with what the simulated MTA of package miltertest says for
// the same filter and message.
func TestLikeMiltertest(t *testing.T) {
	t.Parallel()
	filters := make(map[string]register)
	for name, d := range decisions() {
		filters[name] = d.filter
	}
	for name, e := range editings() {
		filters["edit: "+name] = e.filter
	}
	compared := 0
	for _, flavor := range flavors {
		for name, fn := range filters {
			messages := maps.Clone(texts())
			if !strings.HasPrefix(name, "edit: ") {
				messages = map[string]string{"usual": text}
			}
			for about, text := range messages {
				t.Run(name+", "+about+", "+flavor.String(), func(t *testing.T) { compare(t, fn, flavor, text) })
				compared++
			}
		}
	}
	t.Logf("%d trials", compared)
}

func compare(t *testing.T, fn register, flavor mta.Flavor, text string) {
	t.Helper()
	got := run(t, fn, flavor, text)
	personality := miltertest.Postfix()
	if flavor == mta.Sendmail {
		personality = miltertest.Sendmail()
	}
	msg := miltertest.Message(text, miltertest.From("ann@example.org"), miltertest.To("bob@example.net", "cy@example.net"))
	want := miltertest.RunRouter(t, router(fn), msg, miltertest.As(personality))

	assert.Equal(t, actionOf(want), got.Action)
	assert.Equal(t, want.DecidedAt, got.Stage)
	assert.Equal(t, strings.NewReplacer("550-", "550 ", "\n", " / ").Replace(want.Reply()), lines(got.Reply))
	assert.Len(t, got.Refused, len(want.Refused))
	if want.Edited == nil {
		assert.Nil(t, got.Header)
		return
	}
	require.Equal(t, want.Edited.Header, got.Header)
	assert.Equal(t, want.Body(), string(got.Body))
	assert.Equal(t, want.Sender(), got.Sender)
	assert.Equal(t, want.Recipients(), got.Recipients)
	assert.Equal(t, want.Quarantine, got.Quarantine)
	assert.Equal(t, len(want.Modifications) == 0 || want.Quarantined, got.Edits.None())
}

// lines returns a reply as the simulation shows it: with code and status in each line.
func lines(r trial.Reply) string {
	var list []string
	for line := range strings.SplitSeq(r.Text, "\n") {
		list = append(list, trial.Reply{Code: r.Code, Status: r.Status, Text: line}.String())
	}
	return strings.Join(list, " / ")
}

func actionOf(r *miltertest.Result) trial.Action {
	switch {
	case strings.HasPrefix(r.Reply(), "5"):
		return trial.Reject
	case r.Reply() != "":
		return trial.TempFail
	case r.Verdict.Code == wire.RepDiscard:
		return trial.Discard
	case r.Quarantined:
		return trial.Quarantine
	default:
		return trial.Accept
	}
}
