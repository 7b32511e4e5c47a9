package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

// Each kind of character that is replaced, and some that are not.
func TestPrintable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, shown, asJSON string }{
		"ASCII":                {"a\tb\n\"c\\", "a\tb\n\"c\\", `"a\tb\n\"c\\"`},
		"letters":              {"äß日本", "äß日本", `"äß日本"`},
		"combined":             {"e\u0301 \U0001f600\ufe0f", "e\u0301 \U0001f600\ufe0f", "\"e\u0301 \U0001f600\ufe0f\""},
		"escape":               {"a\x1b[31m", "a?[31m", `"a\u001b[31m"`},
		"CR":                   {"a\rb", "a?b", `"a\rb"`},
		"delete":               {"a\x7f", "a?", `"a\u007f"`},
		"C1":                   {"a\u0085\u009b", "a??", `"a\u0085\u009b"`},
		"direction":            {"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c", "????????????", `"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"`},
		"not seen":             {"\u200b\u2060\ufeff\u00ad", "????", `"\u200b\u2060\ufeff\u00ad"`},
		"line separators":      {"\u2028\u2029", "??", `"\u2028\u2029"`},
		"tags":                 {"\U000e0041", "?", `"\udb40\udc41"`},
		"private and unused":   {"\ue000\U0010ffff", "??", `"\ue000\udbff\udfff"`},
		"not UTF-8":            {"a\xff\xc3", "a??", `"a\ufffd\ufffd"`},
		"angle, as it is JSON": {"<a&b>", "<a&b>", `"<a&b>"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.shown, cli.Printable(c.text))
			var out bytes.Buffer
			require.NoError(t, cli.WriteJSON(&out, c.text, ""))
			assert.Equal(t, c.asJSON+"\n", out.String())
			var back string
			require.NoError(t, json.Unmarshal(out.Bytes(), &back))
			if name != "not UTF-8" {
				assert.Equal(t, c.text, back)
			}
		})
	}
}

func TestPrintableLine(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a?b?c??d?", cli.PrintableLine("a\nb\tc\r\nd\u202e"))
}

func TestWriteJSONFails(t *testing.T) {
	t.Parallel()
	assert.Error(t, cli.WriteJSON(new(bytes.Buffer), make(chan int), ""))
}

func TestComplainPrintsNoControls(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cli.Complain(&out, "sample", errors.New("it sent\r\n\x1b[2J\u202e"))
	assert.Equal(t, "sample: it sent ?[2J?\n", out.String())
}
