package headers

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// pattern compiles a regular expression whose groups templates of the rule can use. It
// returns nil for "".
func (c *compiler) pattern(field, text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	re := c.silentPattern(field, text)
	switch {
	case re == nil:
		c.matched.wrong = true
	case c.outcome&mayHold != 0:
		c.matched.patterns = append(c.matched.patterns, re)
	}
	return re
}

// silentPattern is like pattern, but its groups are not for templates.
func (c *compiler) silentPattern(field, text string) *regexp.Regexp {
	re, err := regexp.Compile(text)
	if err != nil {
		c.fail(field, patternError(text, err))
		return nil
	}
	if strings.Contains(text, "{{") {
		c.fail(field, fmt.Errorf(`%.60q: a pattern is not a template; to match two braces, write \{\{`, text))
	}
	c.reviewPattern(field, text)
	return re
}

// requiredPattern is like pattern, but an empty pattern is a mistake.
func (c *compiler) requiredPattern(field, text string) *regexp.Regexp {
	if text == "" {
		c.fail(field, errors.New("the pattern is empty"))
	}
	return c.pattern(field, text)
}

// checkFixed checks that a text in which nothing is replaced does not look like a template.
func checkFixed(text string) error {
	if strings.Contains(text, "{{") {
		return fmt.Errorf("%.60q is not a template: nothing is replaced in it", text)
	}
	return nil
}

// patternError adds to an error of package regexp what to write instead.
func patternError(text string, err error) error {
	wrong, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return err
	}
	if hint := patternHint(text, wrong); hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

func patternHint(text string, wrong *syntax.Error) string {
	expr := wrong.Expr
	begins := func(list ...string) bool {
		for _, p := range list {
			if strings.HasPrefix(expr, p) {
				return true
			}
		}
		return false
	}
	switch {
	case begins("(?=", "(?!", "(?<=", "(?<!"):
		return "Go's regular expressions have no look-ahead and no look-behind; use two conditions, one of them below not, or match more and use a group"
	case begins("(?>", "(?(", "(?#", "(?R", "(?&", "(?|"), wrong.Code == syntax.ErrInvalidRepeatOp:
		return "Go's regular expressions have no possessive, atomic, conditional or recursive parts, and no comments"
	case begins("(?P=", `\k`, `\1`, `\2`, `\3`, `\4`, `\5`, `\6`, `\7`, `\8`, `\9`), wrong.Code == syntax.ErrInvalidPerlOp && strings.Contains(text, "(?P="):
		return "Go's regular expressions cannot refer back to a group; a template can, with .Match or .Group"
	case begins(`\Z`, `\G`, `\h`, `\R`, `\e`, `\u`):
		return `write \z for the end, [ \t] for a space, \x1b or \x{20ac} for a character by its number`
	case wrong.Code == syntax.ErrMissingRepeatArgument:
		return "a pattern is a regular expression: for any text, write .*"
	case wrong.Code == syntax.ErrInvalidPerlOp:
		return "the flags are i, m, s and U"
	}
	return ""
}
