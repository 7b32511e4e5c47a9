package headers

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// keyHint says what a key that is unknown in one place may stand for.
func keyHint(key string, known map[string]decodeFunc) string {
	if hint := didYouMean(key, slices.Collect(maps.Keys(known))); hint != "" {
		return hint
	}
	_, isAction := actions()[key]
	_, isCondition := conditions()[key]
	_, inRule := known["do"]
	switch {
	case isAction && isCondition:
		return ""
	case isAction && inRule:
		return fmt.Sprintf(" (%s is an action: write do: [{%s: …}])", key, key)
	case isCondition && inRule:
		return fmt.Sprintf(" (%s is a condition: write when: {%s: …})", key, key)
	case isAction && known["all"] != nil:
		return fmt.Sprintf(" (%s is an action and belongs below do)", key)
	case isCondition && known["reject"] != nil:
		return fmt.Sprintf(" (%s is a condition and belongs below when)", key)
	}
	return ""
}

// quoteHint says why a text was read as something else.
func quoteHint(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle != 0:
		return "; a text that begins with [ needs quotes"
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0:
		return "; a text that begins with { needs quotes"
	case n.Kind != yaml.ScalarNode:
		return ""
	case n.Value == "":
		return "; an empty text, and one that begins with #, needs quotes"
	}
	return "; as a text it needs quotes"
}

// syntaxHint says what to write instead of what the YAML library does not understand.
func syntaxHint(message, line string) string {
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(message, w) })
	}
	switch {
	case says("escape character"):
		return `; between double quotes YAML itself reads the backslash: write the text in single quotes, as in '\.exe$'`
	case says("tab character"), says("cannot start any token") && strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "; YAML is indented with spaces, not with tabs"
	case says("unknown anchor", "alphabetic or numeric character"):
		return "; a text that begins with * or & needs quotes"
	case says("unexpected end of stream"):
		return "; a quote or a bracket before it is not closed"
	case says("mapping values are not allowed", "cannot start any token", "did not find expected", "are not allowed in this context"):
		return "; a text needs single quotes if it has ': ' or ' #' in it, or begins with one of []{}#&*!|>%@`'\",?-; between single quotes, write '' for one"
	}
	return ""
}

// lineAt returns a line of a text, counted from 1, or "".
func lineAt(text []byte, line int) string {
	for range line - 1 {
		_, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			return ""
		}
		text = rest
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return string(first[:min(len(first), maxHintLine)])
}

// maxHintLine is how much of a line is looked at for a hint, in bytes.
const maxHintLine = 200
