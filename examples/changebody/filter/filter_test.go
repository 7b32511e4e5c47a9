package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/changebody/filter"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a line of the new body\n", 10_000)
	tests := map[string]struct{ text, want string }{
		"one line":          {"removed", "removed\r\n"},
		"LF and CRLF":       {"one\ntwo\r\n", "one\r\ntwo\r\n"},
		"dots":              {".\n..\n", ".\r\n..\r\n"},
		"empty":             {"", ""},
		"empty line":        {"\n", "\r\n"},
		"more than a chunk": {long, strings.ReplaceAll(long, "\n", "\r\n")},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := filter.Canonical([]byte(c.text))
			require.NoError(t, err)
			res := miltertest.Run(t, filter.Filter{Body: body}, miltertest.Message("Subject: hello\n\nold\n"))
			res.AssertAccepted(t)
			assert.Equal(t, c.want, res.Body())
			assert.Equal(t, "hello", res.Header("Subject"))
		})
	}
}

func TestEachMessageIsReplaced(t *testing.T) {
	t.Parallel()
	conn := miltertest.NewServer(t, filter.Filter{Body: []byte("new\r\n")}).Dial(t)
	for range 3 {
		assert.Equal(t, "new\r\n", conn.Run(t, miltertest.Message("A: b\n\nold\n")).Body())
	}
}
