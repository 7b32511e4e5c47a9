//go:build integration

package integration_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestLongReply sends the longest possible reply, which both servers pass on
// unchanged. With one byte more in a line the call fails, and the message
// continues.
func TestLongReply(t *testing.T) {
	t.Parallel()
	lines := make([]string, wire.MaxReplyLines)
	for i := range lines {
		lines[i] = strings.Repeat(string("a%"[i%2]), wire.MaxReplyLineLen-len("550 5.7.1 \r\n"))
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "tcp")
			for _, stage := range stages() {
				switch stage.name {
				case "connect", "helo", "unknown": // the table of TestReplies has what they are good for
					continue
				}
				for _, at := range [][]string{lines, {lines[0] + "x"}} {
					v, refused := framework.Reply(550, "5.7.1", at...) // Continue, where it is refused
					r := framework.NewRouter()
					stage.answer(r, func() (framework.Verdict, error) { return v, nil })
					g.serve(t, r)
					code, text := dial(t, mta).Deliver(realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte(simple)})
					if len(at) == 1 {
						require.Error(t, refused, stage.name)
						assert.Equal(t, 250, code, stage.name)
						continue
					}
					require.NoError(t, refused, stage.name)
					assert.Equal(t, 550, code, stage.name)
					for i, line := range strings.Split(text, "\n") {
						assert.True(t, strings.HasSuffix(line, lines[i]), "%s, line %d: %.100s", stage.name, i, line)
					}
					assert.Equal(t, len(lines)-1, strings.Count(text, "\n"), stage.name)
				}
			}
		})
	}
}
