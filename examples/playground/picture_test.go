package main_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// picturePath is the path of the picture in the documentation. The command "make
// playground-picture" makes it.
const picturePath = "../../docs/images/playground.svg"

// TestPicture shows that the picture has the output and the colors of a real
// run.
func TestPicture(t *testing.T) {
	t.Setenv("CLICOLOR_FORCE", "1") // so the test cannot run in parallel
	t.Setenv("NO_COLOR", "")
	dir := t.TempDir()
	status, stdout, stderr := run(t, "-once", "-smtp", "127.0.0.1:0", "-maildir", dir)
	require.Zero(t, status, stderr)
	got := picture("$ go run ./examples/playground -once\n\n" + staged(strings.ReplaceAll(stdout, dir, "MAILDIR")))
	if *update {
		require.NoError(t, os.WriteFile(picturePath, []byte(got), 0o600))
	}
	want, err := os.ReadFile(picturePath)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "make playground-picture")
}

// staged replaces the parts of a text that differ from run to run with fixed,
// realistic values.
func staged(text string) string {
	text = normal(text)
	text = strings.Replace(text, "127.0.0.1:PORT", "127.0.0.1:2525", 1)
	return strings.NewReplacer("127.0.0.1:PORT", "127.0.0.1:40512", "MAILDIR", "/tmp/sluice-playground-1730",
		"DATE", "Sun, 22 Nov 2026 10:15:00 +0000", "Message ID", "Message 4QX7Z0B1KD",
		"UNIQUE", "1795342500.M81P92Q1.host").Replace(text)
}

// These are the measures of the picture in pixels, and its styles, which are
// named after the codes of a terminal's styles. The picture has its own
// background, so that it can be read on any page.
const (
	lineHeight = 17
	charWidth  = 8
	margin     = 20
	columns    = 80
	styles     = `<style>
text { font: 13px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d7dae0; white-space: pre; }
.s1 { font-weight: bold; fill: #ffffff; }
.s2 { fill: #8b929e; }
.s31 { fill: #ff7b72; }
.s32 { fill: #7ee787; }
</style>
`
)

var escape = regexp.MustCompile("\x1b\\[(\\d+)m(.*?)\x1b\\[0m")

// picture returns an SVG image of a terminal that shows the text.
func picture(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	width, height := columns*charWidth+2*margin, len(lines)*lineHeight+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", width, height, width, height)
	b.WriteString("<title>What the playground prints</title>\n" + styles)
	b.WriteString("<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16181d\"/>\n")
	for i, line := range lines {
		if line != "" {
			fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", margin, margin+(i+1)*lineHeight-5, drawn(line))
		}
	}
	return b.String() + "</svg>\n"
}

// drawn converts a line to XML, and the terminal's escape sequences to classes.
func drawn(line string) string {
	var b strings.Builder
	for {
		at := escape.FindStringSubmatchIndex(line)
		if at == nil {
			return b.String() + escaped(line)
		}
		fmt.Fprintf(&b, `%s<tspan class="s%s">%s</tspan>`, escaped(line[:at[0]]), line[at[2]:at[3]], escaped(line[at[4]:at[5]]))
		line = line[at[1]:]
	}
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder never fails
	return strings.ReplaceAll(b.String(), "&#34;", `"`)
}
