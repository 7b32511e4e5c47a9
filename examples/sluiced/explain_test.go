package main_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The text names what happens to a message, and each edit.
func TestExplainMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules, want string
	}{
		"accepted": {"[]", "The message is accepted.\n"},
		"edited": {
			"[{do: [{add: {name: X-New, value: '1'}}, {prefix: {name: Subject, text: '[x] '}}, {delete: Date}]}]",
			"The message is accepted.\n\nEdits\n  add X-New: 1\n  change Subject: hello -> [x] hello\n  delete Date: Mon, 30 Nov 2026 07:00:00 +0000\n",
		},
		"held":     {"[{do: [{quarantine: odd}]}]", "The message is accepted and held in the queue: odd\n"},
		"rejected": {"[{do: [{reject: go away}]}]", "The message is rejected at end of message: 550 5.7.1 go away\n"},
		"later":    {"[{do: [{reject: {code: 451, status: 4.7.1, text: later}}]}]", "The client is told to try again at end of message: 451 4.7.1 later\n"},
	} {
		config := write(t, "x.yaml", "filters: [{headers: {rules: "+c.rules+"}}]\n")
		got := must(t, "check-message", "-config", config, "-client", "192.0.2.1", "-from", "", write(t, "m.eml", message))
		assert.Equal(t, c.want, got, name)
	}
}

// What a sender has written cannot command the terminal, in either form.
func TestHostileMessage(t *testing.T) {
	t.Parallel()
	config := write(t, "x.yaml", "filters: [{headers: {rules: [{do: [{delete: Subject}]}]}}]\n")
	path := write(t, "m.eml", "Subject: a\x1b[2J\u202eb\u009bc\n\nbody\n")
	for _, form := range [][]string{nil, {"-json"}} {
		args := append([]string{"check-message", "-config", config, "-client", "192.0.2.1", "-from", ""}, form...)
		got := must(t, append(args, path)...)
		assert.NotContains(t, got, "\x1b")
		assert.NotContains(t, got, "\u202e")
		assert.NotContains(t, got, "\u009b")
		assert.Contains(t, got, "Subject")
	}
}

// The command leaves nothing behind in the folder of the configuration.
func TestCheckMessageWritesNothing(t *testing.T) {
	t.Parallel()
	config, _ := sample(t, "submission.yaml")
	dir := config[:strings.LastIndex(config, "/")]
	before, err := os.ReadDir(dir)
	require.NoError(t, err)
	must(t, "check-message", "-config", config, "-client", "192.0.2.1", "-user", "ann", "-from", "ann@example.org", write(t, "m.eml", message))
	after, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, after, len(before))
}
