package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
)

// A slot is a file with "@" instead of a value, and a valid value of the type
// that belongs there.
type slot struct{ text, right string }

func actionSlot(text, right string) slot { return slot{"rules: [{do: [{" + text + "}]}]", right} }
func whenSlot(text, right string) slot {
	return slot{"rules: [{when: {" + text + "}, do: [{reject: x}]}]", right}
}

func textSlots() []slot {
	return []slot{
		{"{name: @, rules: []}", "x"},
		{"{metrics: @, rules: []}", "x:1"},
		{"{macros: {x: @}, rules: []}", "end of message"},
		{"rules: [{name: @, do: [{reject: x}]}]", "x"},
		actionSlot("add: {name: @, value: x}", "X"),
		actionSlot("add: {name: X, value: @}", "''"),
		actionSlot("insert: {name: @, value: x}", "X"),
		actionSlot("insert: {name: X, value: @}", "x"),
		actionSlot("replace: {name: @, value: x}", "X"),
		actionSlot("replace: {name: X, value: @}", "x"),
		actionSlot("replace: {name: X, value: x, match: @}", "x"),
		actionSlot("rename: {name: @, to: Y}", "X"),
		actionSlot("rename: {name: X, to: @}", "Y"),
		actionSlot("rename: {name: X, to: Y, match: @}", "x"),
		actionSlot("delete: @", "X"),
		actionSlot("delete: {name: @}", "X"),
		actionSlot("delete: {name: X, match: @}", "x"),
		actionSlot("prefix: {name: @, text: x}", "X"),
		actionSlot("prefix: {name: X, text: @}", "x"),
		actionSlot("prefix: {name: X, text: x, match: @}", "x"),
		actionSlot("suffix: {name: @, text: x}", "X"),
		actionSlot("suffix: {name: X, text: @}", "x"),
		actionSlot("suffix: {name: X, text: x, match: @}", "x"),
		actionSlot("fold: @", "X"),
		actionSlot("fold: {name: @}", "X"),
		actionSlot("unfold: @", "X"),
		actionSlot("unfold: {name: @}", "X"),
		actionSlot("reply_to: @", "x@y.z"),
		actionSlot("reply_to: {value: @}", "x@y.z"),
		actionSlot("strip: {names: [X, @]}", "Y"),
		actionSlot("strip_auth_results: @", "x"),
		actionSlot("strip_auth_results: {id: [x, @]}", "y"),
		actionSlot("strip_auth_results: {id: x, relays: @}", "10.0.0.0/8"),
		actionSlot("insert: {name: X, value: x, above: @}", "Y"),
		actionSlot("insert: {name: X, value: x, below: @}", "Y"),
		actionSlot("strip: {received: @}", "x"),
		actionSlot("limit: {name: @, max: 1}", "X"),
		actionSlot("limit: {name: [X, @], max: 1}", "Y"),
		actionSlot("join: @", "To"),
		actionSlot("join: [To, @]", "Cc"),
		actionSlot("reject: @", "x"),
		actionSlot("reject: {text: @}", "x"),
		actionSlot("reject: {status: @}", "5.6.0"),
		actionSlot("quarantine: @", "x"),
		whenSlot("client: [10.0.0.0/8, @]", "'::1'"),
		whenSlot("sender: [x, @]", "x.y"),
		whenSlot("sender: {in: [@]}", "<>"),
		whenSlot("sender: {match: @}", "x"),
		whenSlot("recipient: [@]", "x"),
		whenSlot("recipient: {in: [@]}", "x"),
		whenSlot("recipient: {match: @}", "x"),
		whenSlot("helo: @", "x"),
		whenSlot("macro: @", "j"),
		whenSlot("macro: {name: @}", "j"),
		whenSlot("macro: {name: j, match: @}", "x"),
		whenSlot("present: @", "X"),
		whenSlot("present: {name: @}", "X"),
		whenSlot("present: [X, @]", "Y"),
		whenSlot("absent: @", "X"),
		whenSlot("addresses: {name: [From, @], in: x}", "X"),
		whenSlot("addresses: {name: From, in: [x, @]}", "y"),
		whenSlot("addresses: {name: From, match: @}", "x"),
		whenSlot("equal: {of: @, to: '{{ .Helo }}'}", "x"),
		whenSlot("equal: {of: '{{ .Helo }}', to: [x, @]}", "y"),
		whenSlot("not: {any: [{all: [{absent: @}]}]}", "X"),
		whenSlot("matches: {name: @, match: x}", "X"),
		whenSlot("matches: {name: X, match: @}", "x"),
		whenSlot("duplicated: [@]", "X"),
		whenSlot("malformed: [X, @]", "Y"),
		whenSlot("part: {name: @}", "x"),
		whenSlot("part: {type: [image/png, @]}", "video/*"),
		whenSlot("part: {disposition: @}", "inline"),
	}
}

func truthSlots() []slot {
	return []slot{
		{"rules: [{last: @, do: [{reject: x}]}]", "true"},
		actionSlot("add: {name: X, value: x, encode: @}", "true"),
		actionSlot("add: {name: X, value: x, skip_empty: @}", "false"),
		actionSlot("insert: {name: X, value: x, encode: @}", "true"),
		actionSlot("insert: {name: X, value: x, skip_empty: @}", "true"),
		actionSlot("insert: {name: X, value: x, top: @}", "true"),
		actionSlot("replace: {name: X, value: x, encode: @}", "true"),
		actionSlot("replace: {name: X, value: x, decoded: @}", "true"),
		actionSlot("replace: {name: X, value: x, or_add: @}", "true"),
		actionSlot("rename: {name: X, to: Y, decoded: @}", "true"),
		actionSlot("delete: {name: X, decoded: @}", "true"),
		actionSlot("prefix: {name: X, text: x, decoded: @}", "true"),
		actionSlot("suffix: {name: X, text: x, decoded: @}", "true"),
		actionSlot("prefix: {name: X, text: x, or_add: @}", "true"),
		actionSlot("suffix: {name: X, text: x, or_add: @}", "true"),
		actionSlot("reply_to: {value: 'x:;', keep: @}", "true"),
		actionSlot("limit: {name: X, max: 1, bottom: @}", "true"),
		whenSlot("authenticated: @", "false"),
		whenSlot("unreadable_parts: @", "false"),
		whenSlot("matches: {name: X, match: x, decoded: @}", "true"),
		whenSlot("addresses: {name: From, in: x, every: @}", "true"),
		whenSlot("addresses: {name: From, unreadable: @}", "true"),
	}
}

func numberSlots() []slot {
	return []slot{
		actionSlot("limit: {name: X, max: @}", "1048576"),
		actionSlot("reject: {code: @}", "450"),
		whenSlot("size: {over: @}", "9223372036854775807"),
		whenSlot("part: {over: @}", "9223372036854775807"),
		whenSlot("size: {under: @}", "9"),
	}
}

func whichSlots() []slot {
	return []slot{
		actionSlot("replace: {name: X, value: x, which: @}", "every"),
		actionSlot("rename: {name: X, to: Y, which: @}", "first"),
		actionSlot("delete: {name: X, which: @}", "last"),
		actionSlot("prefix: {name: X, text: x, which: @}", "-1048576"),
		actionSlot("suffix: {name: X, text: x, which: @}", "1048576"),
		actionSlot("fold: {name: X, which: @}", "2"),
		actionSlot("unfold: {name: X, which: @}", "-2"),
		whenSlot("present: {name: X, which: @}", "-2"),
		whenSlot("matches: {name: X, match: x, which: @}", "first"),
	}
}

// TestWrongTypes puts values of wrong types behind every key. The error names
// the place of the value.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		slots []slot
		wrong []string
		says  string
	}{
		"text":   {textSlots(), []string{"5", "1.5", "0x1F", "true", "~", "", "[[a]]", "{nokey: b}", "!!str 5", "&a b"}, ""},
		"truth":  {truthSlots(), []string{"yes", "'true'", "True", "1", "~", "[true]", "{true: true}"}, "want true or false, got "},
		"number": {numberSlots(), []string{"1.5", "1e3", "0x1F", "1_000", "'5'", "~", "[1]", "{1: 1}", "99999999999999999999", ".inf"}, "want a whole number, got "},
		"which":  {whichSlots(), []string{"0", "-0", "third", "1.5", "'1'", "~", "[first]", "{first: 1}", "1048577", "-99999999999999999999"}, "want every, first, last, or a whole number other than 0, got "},
	} {
		for _, s := range c.slots {
			t.Run(kind+"/"+s.text, func(t *testing.T) {
				t.Parallel()
				at := strings.Index(s.text, "@")
				require.Positive(t, at)
				_, err := headers.Parse("x.yaml", []byte(strings.Replace(s.text, "@", s.right, 1)))
				require.NoError(t, err)
				for _, value := range c.wrong {
					if value == "" && strings.Contains(s.text, "@]") {
						continue // the list is one shorter
					}
					_, err := headers.Parse("x.yaml", []byte("# größe\n"+strings.Replace(s.text, "@", value, 1)))
					var first *headers.ConfigError
					require.ErrorAs(t, err, &first, value)
					assert.Equal(t, 2, first.Line, value)
					if value != "" { // what is not there stands at the key or behind it
						assert.InDelta(t, at+1, first.Column, 1, "%s: %v", value, err) // or at the key in it
					}
					assert.Contains(t, err.Error(), c.says, value)
				}
			})
		}
	}
}

// TestWrongTypesAreWhole checks that the slots above cover every key.
func TestWrongTypesAreWhole(t *testing.T) {
	t.Parallel()
	slots := strings.Builder{}
	for _, list := range [][]slot{textSlots(), truthSlots(), numberSlots(), whichSlots()} {
		for _, s := range list {
			_, _ = slots.WriteString(s.text + "\n")
		}
	}
	whole := func(about string, keys []string, in func(key string) string) {
		for _, key := range keys {
			assert.Regexp(t, in(key), slots.String(), "%s %s", about, key)
		}
	}
	for _, name := range acceptedActions(t) {
		whole(name, accepted(t, "rules: [{do: [{"+name+": {nokey: x}}]}]"), func(key string) string {
			return name + `: \{(.*, )?` + key + `: (\[.*)?@`
		})
		assert.Contains(t, slots.String(), "{"+name+": ")
	}
	for _, name := range acceptedConditions(t) {
		assert.Contains(t, slots.String(), "{"+name+": ")
		if name == "not" {
			continue
		}
		whole(name, accepted(t, "rules: [{when: {"+name+": {nokey: x}}, do: [{reject: x}]}]"), func(key string) string {
			return name + `: \{(.*, )?` + key + `: (\[.*)?@`
		})
	}
}
