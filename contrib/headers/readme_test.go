package headers_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
)

// accepted returns the keys that the error message lists as valid where a text
// has the key "nokey". It returns none if no mapping is allowed there.
func accepted(t *testing.T, text string) []string {
	t.Helper()
	_, err := headers.Parse("x.yaml", []byte(text))
	require.Error(t, err)
	_, keys, found := strings.Cut(err.Error(), `unknown key "nokey"; want `)
	if !found {
		require.Contains(t, err.Error(), "got a mapping", text)
		return nil
	}
	keys, _, _ = strings.Cut(keys, "\n")
	return strings.Split(keys, ", ")
}

func acceptedConditions(t *testing.T) []string {
	t.Helper()
	return accepted(t, "rules: [{when: {nokey: x}, do: [reject: x]}]")
}

func acceptedActions(t *testing.T) []string {
	t.Helper()
	return accepted(t, "rules: [{do: [{nokey: x}]}]")
}

// section returns a section of the manual and the rows of its tables.
func section(t *testing.T, title string) (text string, rows []string) {
	t.Helper()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(page), "\n## "+title+"\n")
	require.True(t, found, title)
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, line)
		}
	}
	require.NotEmpty(t, rows, title)
	return text, rows
}

// cell returns the first cell of a row.
func cell(row string) string { return strings.Split(row, " | ")[0] }

var (
	keyShown     = regexp.MustCompile("`([a-z_0-9]+):")
	mappingShown = regexp.MustCompile(`\{([^{}]*)\}`)
)

// subkeys returns the keys of the mapping in a cell.
func subkeys(text string) (keys []string) {
	shown := mappingShown.FindStringSubmatch(text)
	if shown == nil {
		return nil
	}
	for key := range strings.SplitSeq(shown[1], ",") {
		key, _, _ = strings.Cut(strings.TrimSpace(key), ":")
		if key != "…" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// TestManual checks that the manual lists exactly the keys that a file can
// have.
func TestManual(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct {
		before, after string
		accepted      []string
	}{
		"CONDITIONS": {"rules: [{when: {", ": {nokey: x}}, do: [reject: x]}]", acceptedConditions(t)},
		"ACTIONS":    {"rules: [{do: [{", ": {nokey: x}}]}]", acceptedActions(t)},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			var shown, above []string
			_, rows := section(t, title)
			for _, row := range rows {
				keys := subkeys(cell(row))
				if strings.Contains(cell(row), "likewise") {
					keys = above
				}
				above = keys
				for _, found := range keyShown.FindAllStringSubmatch(cell(row), -1) {
					shown = append(shown, found[1])
					if found[1] != "not" { // which has conditions in it
						assert.Equal(t, accepted(t, c.before+found[1]+c.after), keys, row)
					}
				}
			}
			assert.ElementsMatch(t, c.accepted, shown)
		})
	}
}

func TestManualOfTheFile(t *testing.T) {
	t.Parallel()
	var top []string
	_, rows := section(t, "FILE")
	for _, row := range rows {
		top = append(top, strings.Trim(cell(row), "| `"))
	}
	assert.ElementsMatch(t, accepted(t, "nokey: x"), top)
	for _, key := range accepted(t, "rules: [{nokey: x}]") {
		assert.Contains(t, rows[0], "`"+key+"`")
	}
}

// TestManualOfTemplates checks that all templates in the manual compile.
func TestManualOfTemplates(t *testing.T) {
	t.Parallel()
	text, _ := section(t, "TEMPLATES")
	shown := regexp.MustCompile("`([^`]*{{.*?}}[^`]*)`").FindAllStringSubmatch(text, -1)
	require.Greater(t, len(shown), 10)
	for _, found := range shown {
		value := strings.ReplaceAll(found[1], `\|`, "|")
		_, err := headers.New(headers.Config{Rules: []headers.Rule{{Do: []headers.Action{headers.Replace{Name: "X", Match: "(?P<name>.)", Value: value}}}}})
		assert.NoError(t, err, value)
	}
	for _, word := range []string{"and", "or", "not", "eq", "ne", "lower", "upper", "default"} {
		assert.Regexp(t, "[` ]"+word+"[` ]", text)
	}
}
