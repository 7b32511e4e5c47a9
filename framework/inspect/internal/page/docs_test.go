package page_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
)

var update = flag.Bool("update", false, "write the answers into the page")

const apiPage = "../../../../docs/inspect-api.md"

var (
	block   = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	command = regexp.MustCompile(`^\$ curl -s 'http://127\.0\.0\.1:8025(/[^']*)' \| jq (\S+)$`)
	step    = regexp.MustCompile(`\.(\w+)|\[(\d+)\]`)
)

// The examples of the page are what the API answers.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(apiPage)
	require.NoError(t, err)
	source := pagetest.New(pagetest.Mailbox(30, began)...)
	source.Figures = pagetest.Figures(began)
	h := page.New(source, page.Config{})
	got := block.ReplaceAllStringFunc(string(text), func(b string) string {
		var out strings.Builder
		commands := 0
		for line := range strings.Lines(block.FindStringSubmatch(b)[1]) {
			m := command.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if m == nil {
				require.False(t, strings.HasPrefix(line, "$"), "a command that this test does not know: %s", line)
				continue
			}
			commands++
			out.WriteString(line + answers(t, h, m[1], m[2]))
		}
		require.Positive(t, commands)
		return "```console\n" + out.String() + "```"
	})
	if *update {
		require.NoError(t, os.WriteFile(apiPage, []byte(got), 0o644))
	}
	assert.Equal(t, string(text), got, "run with -update")
}

// answers returns what jq shows of an answer.
func answers(t *testing.T, h *page.Handler, path, filter string) string {
	t.Helper()
	part := json.RawMessage(body(t, send(t, h, path)))
	for _, m := range step.FindAllStringSubmatch(filter, -1) {
		if m[1] != "" {
			fields := map[string]json.RawMessage{}
			require.NoError(t, json.Unmarshal(part, &fields))
			part = fields[m[1]]
			continue
		}
		i, err := strconv.Atoi(m[2])
		require.NoError(t, err)
		var list []json.RawMessage
		require.NoError(t, json.Unmarshal(part, &list))
		require.Greater(t, len(list), i, filter)
		part = list[i]
	}
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, bytes.TrimSpace(part), "", "  "))
	return out.String() + "\n"
}
