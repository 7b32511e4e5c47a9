//go:build integration

package integration_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checkLog compares what logall logged about a message with what was sent.
func checkLog(t *testing.T, p *process, queue string, number int, s sample) {
	t.Helper()
	end := p.await(t, func(l line) bool { return l.Str("queue_id") == queue && l.Str("msg") == "end of message" })
	lines := p.log(func(l line) bool {
		return l["session"] == end["session"] && l["message"] == float64(number)
	})
	var stages []string
	var header, body, mail string
	var rcpts []string
	for _, l := range lines {
		stage := l.Str("msg")
		if n := len(stages); n == 0 || stages[n-1] != stage {
			stages = append(stages, stage)
		}
		switch stage {
		case "mail":
			mail = strings.TrimSpace(l.Str("sender") + " " + joined(l["args"]))
		case "rcpt":
			rcpts = append(rcpts, l.Str("recipient"))
		case "header":
			header += l.Str("name") + ":" + strings.ReplaceAll(unprintable(t, l.Str("value")), "\n", "\r\n") + "\r\n"
		case "body":
			chunk := unprintable(t, l.Str("chunk"))
			assert.InDelta(t, l["bytes"], len(chunk), 0)
			body += chunk
		}
	}
	want := []string{"mail", "rcpt", "data", "header", "end of headers", "body", "end of message"}
	want = slices.DeleteFunc(want, func(stage string) bool {
		return stage == "body" && s.body == "" || stage == "header" && s.header == ""
	})
	assert.Equal(t, want, stages)
	assert.Equal(t, strings.TrimSpace("<"+s.From+"> "+s.FromArgs), mail)
	assert.Equal(t, bracketed(s.To), rcpts)
	equal(t, s.header, header)
	equal(t, s.body, body)
}

func bracketed(addresses []string) []string {
	list := slices.Clone(addresses)
	for i := range list {
		list[i] = "<" + list[i] + ">"
	}
	return list
}

func joined(list any) string {
	var words []string
	all, _ := list.([]any) // a line without arguments has no such key
	for _, w := range all {
		words = append(words, w.(string))
	}
	return strings.Join(words, " ")
}

// unprintable reverses the escapes that logall writes in a value.
func unprintable(t *testing.T, shown string) string {
	t.Helper()
	value, err := strconv.Unquote(`"` + strings.ReplaceAll(shown, `"`, `\"`) + `"`)
	require.NoError(t, err, "%.200q", shown)
	return value
}
