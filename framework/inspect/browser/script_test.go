package browser_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Functions of the scripts, by themselves.
func TestScripts(t *testing.T) {
	t.Parallel()
	tb := open(t, pagetest.New(), "/")
	for name, c := range map[string]struct{ module, expression, want string }{
		"an escape of ASCII":            {"text", `m.escaped("a\x1b[0m\r\n\t\x7f")`, `a\x1b[0m\r\n\t\x7f`},
		"an escape of the BMP":          {"text", `m.escaped("\u202e\u00a0\u2028\u0085\ufeff\u3164")`, `\u202e\u00a0\u2028\u0085\ufeff\u3164`},
		"an escape beyond":              {"text", `m.escaped("\u{e0041}x")`, `\U000e0041x`},
		"half of a character":           {"text", `m.escaped("\ud800")`, `\ud800`},
		"what is shown as it is":        {"text", `m.escaped("Grüße, 会議 🙂 a\u0301")`, "Grüße, 会議 🙂 a\u0301"},
		"a cut between characters":      {"text", `m.cut("ab🙂", 3)`, "ab"},
		"a body in UTF-8":               {"text", `m.bytesOf(btoa("\xc3\xa4"))`, "ä"},
		"a body in something else":      {"text", `m.bytesOf(btoa("\xe4a"))`, `\xe4a`},
		"nanoseconds":                   {"format", `m.duration(999)`, "999\u00a0ns"},
		"microseconds":                  {"format", `m.duration(1500)`, "1.5\u00a0µs"},
		"nearly a millisecond":          {"format", `m.duration(999600)`, "1\u00a0ms"},
		"seconds":                       {"format", `m.duration(31e9)`, "31\u00a0s"},
		"minutes":                       {"format", `m.duration(270e9)`, "4.5\u00a0min"},
		"days":                          {"format", `m.duration(3.5*864e11)`, "3.5\u00a0days"},
		"no time":                       {"format", `m.duration(0)`, "0"},
		"bytes":                         {"format", `m.bytes(1023)`, "1023\u00a0B"},
		"mebibytes":                     {"format", `m.bytes(64 << 20)`, "64\u00a0MiB"},
		"one":                           {"format", `m.count(1, "filter")`, "1\u00a0filter"},
		"three words":                   {"format", `m.list(["a", "b", "c"])`, "a, b and c"},
		"a difference":                  {"diff", `JSON.stringify(m.diff([..."abcd"], [..."axcde"]))`, `[["=","a"],["-","b"],["+","x"],["=","c"],["=","d"],["+","e"]]`},
		"no difference":                 {"diff", `JSON.stringify(m.diff([..."ab"], [..."ab"]))`, `[["=","a"],["=","b"]]`},
		"from nothing":                  {"diff", `JSON.stringify(m.diff([], ["a"]))`, `[["+","a"]]`},
		"a difference that is too long": {"diff", `String(m.diff(Array.from({length: 3000}, (_, i) => "a" + i), Array.from({length: 3000}, (_, i) => "b" + i)).length)`, "6000"},
		"around a difference":           {"diff", `JSON.stringify(m.around(m.diff([..."abcdefgh"], [..."abcdXfgh"]), 1))`, `[["…",3],["=","d"],["-","e"],["+","X"],["=","f"],["…",2]]`},
		"the ends of two texts":         {"diff", `JSON.stringify(m.ends("Subject: x🙂", "Subject: [a] x🙂"))`, `{"head":"Subject: ","was":"","is":"[a] ","tail":"x🙂"}`},
		"a reply with its code":         {"state", `m.replyOf({code: 550, text: "550 5.7.1 no"})`, "550 5.7.1 no"},
		"a reply without its code":      {"state", `m.replyOf({code: 550, text: "5.7.1 no"})`, "550 5.7.1 no"},
		"a stage that is not known":     {"state", `m.stageWord("__proto__\u202e")`, `__proto__\u202e`},
		"a state that is not known":     {"state", `m.stateOf({state: "constructor"}).word`, "constructor"},
		"an error of no filter":         {"timeline", `m.timeline({took_ns: 1, stages: [{name: "abort", at_ns: 0, waiting_ns: 0, working_ns: 0, calls: [{filter: "", working_ns: 0, error: "it hangs"}]}]}).querySelector(".call").textContent`, "code of no filter0failed: it hangs"},
		"an edit that is not known":     {"changes", `(() => { const d = document.createElement("p"); d.append(...m.editWords({kind: "__proto__", address: "<b>"}, {})); return d.textContent; })()`, "__proto__ <b>"},
	} {
		got, err := chromedp.Run(tb.ctx, chromedp.Evaluate[string](`import("/static/`+c.module+`.js").then((m) => `+c.expression+`)`, chromedp.EvalAwaitPromise))
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
	tb.clean()
}
