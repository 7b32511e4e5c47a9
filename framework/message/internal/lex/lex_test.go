package lex_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

func TestLengths(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		measure func(string) (int, bool)
		text    string
		n       int
		ends    bool
	}{
		"comment":                 {lex.Comment, "(a) b", 3, true},
		"comment in a comment":    {lex.Comment, "(a (b) c) d)", 9, true},
		"escaped parentheses":     {lex.Comment, `(\) \( ) x`, 8, true},
		"open comment":            {lex.Comment, "(a (b)", 6, false},
		"backslash ends comment":  {lex.Comment, `(a\`, 3, false},
		"quoted":                  {lex.Quoted, `"a" b`, 3, true},
		"escaped quote":           {lex.Quoted, `"a\"b" c"`, 6, true},
		"open quote":              {lex.Quoted, `"a`, 2, false},
		"backslash ends a string": {lex.Quoted, `"a\`, 3, false},
		"a quote alone":           {lex.Quoted, `"`, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, ends := c.measure(c.text)
			assert.Equal(t, c.n, n)
			assert.Equal(t, c.ends, ends)
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct{ unescaped, line string }{
		"plain":            {"plain", "plain"},
		`a\"b\\c`:          {`a"b\c`, `a\"b\\c`},
		`a\`:               {`a\`, `a\`},
		"a\r\nb\rc\nd\x00": {"a\r\nb\rc\nd\x00", "a b c d "},
	} {
		assert.Equal(t, c.unescaped, lex.Unescape(text), text)
		assert.Equal(t, c.line, lex.OneLine(text), text)
	}
}
