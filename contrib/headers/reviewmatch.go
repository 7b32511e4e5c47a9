package headers

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// textKind says which texts a pattern is matched against.
type textKind int

const (
	anyText     textKind = iota
	oneLineText          // without line feeds
	trimmedText          // also without white space at the ends
)

// charClass is what a pattern can know of the character beside a place in a text.
type charClass int

const (
	noChar    charClass = iota // the beginning or the end of the text
	wordChar                   // of \w
	blankChar                  // of \s, but for the line feed
	lineFeed
	otherChar
)

// canMatch reports whether a text of the kind exists that a pattern matches. It follows the
// program of the pattern with the classes of the characters instead of characters, so that
// the time is linear in the size of the program.
func canMatch(tree *syntax.Regexp, kind textKind) bool {
	const most = 10_000 // instructions; larger patterns are not judged
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > most {
		return true
	}
	w := &matchWalk{prog: prog, kind: kind, seen: make(map[matchState]bool)}
	for _, before := range []charClass{noChar, wordChar, otherChar} {
		w.move(prog.Start, before)
	}
	for len(w.todo) > 0 {
		s := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if w.step(s) {
			return true
		}
	}
	return false
}

// matchState is an instruction of a pattern's program at a place in a text.
type matchState struct {
	at           int
	before, next charClass
}

type matchWalk struct {
	prog *syntax.Prog
	kind textKind
	seen map[matchState]bool
	todo []matchState
}

// move adds the states of an instruction at each place behind a character.
func (w *matchWalk) move(at int, before charClass) {
	for next := noChar; next <= otherChar; next++ {
		blank := next == blankChar || next == lineFeed
		switch {
		case next == lineFeed && w.kind != anyText,
			w.kind == trimmedText && before == noChar && blank,
			w.kind == trimmedText && before == blankChar && next == noChar:
		default:
			w.add(matchState{at, before, next})
		}
	}
}

func (w *matchWalk) add(s matchState) {
	if !w.seen[s] {
		w.seen[s] = true
		w.todo = append(w.todo, s)
	}
}

// step adds the states that follow a state. It reports whether the program has matched.
func (w *matchWalk) step(s matchState) (matched bool) {
	inst := &w.prog.Inst[s.at]
	out := matchState{int(inst.Out), s.before, s.next}
	switch inst.Op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		w.add(out)
		w.add(matchState{int(inst.Arg), s.before, s.next})
	case syntax.InstCapture, syntax.InstNop:
		w.add(out)
	case syntax.InstEmptyWidth:
		if needed := syntax.EmptyOp(inst.Arg); needed&^s.holds() == 0 { //nolint:gosec // it is one
			w.add(out)
		}
	case syntax.InstFail:
	default:
		if takes(inst, s.next) {
			w.move(out.at, s.next)
		}
	}
	return false
}

// holds returns the assertions that hold at the place.
func (s matchState) holds() (op syntax.EmptyOp) {
	op = syntax.EmptyNoWordBoundary
	if (s.before == wordChar) != (s.next == wordChar) {
		op = syntax.EmptyWordBoundary
	}
	switch s.before {
	case noChar:
		op |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	case lineFeed:
		op |= syntax.EmptyBeginLine
	}
	switch s.next {
	case noChar:
		op |= syntax.EmptyEndText | syntax.EmptyEndLine
	case lineFeed:
		op |= syntax.EmptyEndLine
	}
	return op
}

// takes reports whether an instruction for a character takes one of the class.
func takes(inst *syntax.Inst, class charClass) bool {
	switch {
	case class == noChar:
		return false
	case class != otherChar:
		return strings.ContainsFunc(charsOf(class), inst.MatchRune)
	case inst.Op == syntax.InstRuneAny || inst.Op == syntax.InstRuneAnyNotNL:
		return true
	case len(inst.Rune) == 1:
		return takesFold(inst.Rune[0], inst)
	}
	for i := 0; i+1 < len(inst.Rune); i += 2 {
		for r := inst.Rune[i]; r <= inst.Rune[i+1]; r++ {
			if classOf(r) == otherChar {
				return true
			}
		}
	}
	return false
}

// takesFold reports whether an instruction takes the character, or one that differs in case
// only, and that is of the class otherChar.
func takesFold(r rune, inst *syntax.Inst) bool {
	for other := unicode.SimpleFold(r); ; other = unicode.SimpleFold(other) {
		if classOf(other) == otherChar && inst.MatchRune(other) {
			return true
		}
		if other == r {
			return false
		}
	}
}

const (
	wordChars  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
	blankChars = " \t\f\r"
)

// charsOf returns all characters of a class that has few.
func charsOf(class charClass) string {
	return [...]string{wordChar: wordChars, blankChar: blankChars, lineFeed: "\n", otherChar: ""}[class]
}

func classOf(r rune) charClass {
	for class := wordChar; class < otherChar; class++ {
		if strings.ContainsRune(charsOf(class), r) {
			return class
		}
	}
	return otherChar
}

// matchesEvery reports whether a pattern matches every text in one line, as far as its
// syntax tells: if it can match nothing at an end of the text, or all of it.
func matchesEvery(re *syntax.Regexp) bool {
	if matchesNothing(re, true, false) || matchesNothing(re, false, true) {
		return true
	}
	switch re.Op {
	case syntax.OpCapture:
		return matchesEvery(re.Sub[0])
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, matchesEvery)
	case syntax.OpConcat:
		begin := 0
		for begin < len(re.Sub) && matchesNothing(re.Sub[begin], true, false) && !isAnything(re.Sub[begin]) {
			begin++
		}
		if begin == len(re.Sub) || !isAnything(re.Sub[begin]) {
			return false
		}
		for _, sub := range re.Sub[begin+1:] {
			if !matchesNothing(sub, false, true) {
				return false
			}
		}
		return true
	}
	return false
}

// matchesNothing reports whether a pattern matches an empty part of every text, at its
// beginning, or its end, or where neither is known.
func matchesNothing(re *syntax.Regexp, atBegin, atEnd bool) bool {
	nothing := func(sub *syntax.Regexp) bool { return matchesNothing(sub, atBegin, atEnd) }
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpStar, syntax.OpQuest:
		return true
	case syntax.OpBeginText, syntax.OpBeginLine:
		return atBegin
	case syntax.OpEndText, syntax.OpEndLine:
		return atEnd
	case syntax.OpCapture, syntax.OpPlus:
		return nothing(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 || nothing(re.Sub[0])
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, nothing)
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !nothing(sub) })
	}
	return false
}

// isAnything reports whether a pattern matches any part of a line.
func isAnything(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpCapture:
		return isAnything(re.Sub[0])
	case syntax.OpStar:
		return isAnyChar(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 && re.Max < 0 && isAnyChar(re.Sub[0])
	}
	return false
}

func isAnyChar(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpCharClass: // as in [\s\S]
		return slices.Equal(re.Rune, []rune{0, unicode.MaxRune})
	}
	return false
}
