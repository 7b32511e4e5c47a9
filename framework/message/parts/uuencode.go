package parts

import (
	"bytes"
	"strings"
)

// uuBegin begins the line before a uuencoded file. The line goes on with the
// permissions in octal digits and the name, as in "begin 644 a.txt". The form
// "begin-base64" is that of POSIX.
const uuBegin = "begin"

// uuencoded tells the name of a uuencoded file if a line of the content begins one.
func (w *Walker) uuencoded(line []byte) {
	if w.mode != content || !w.leaf.mayHoldUuencoded() || len(line) > w.limits.line() {
		return
	}
	name := uuName(trimEnd(line))
	if name == "" {
		return
	}
	if w.count >= w.limits.Parts {
		w.flag(w.leaf, TooManyParts)
		return
	}
	w.count++
	w.leaf.Uuencoded = append(w.leaf.Uuencoded, name)
}

// uuName returns the name of the uuencoded file that a line begins, or "".
func uuName(line []byte) string {
	rest, ok := bytes.CutPrefix(line, []byte(uuBegin))
	if !ok {
		return ""
	}
	rest = bytes.TrimPrefix(rest, []byte("-base64"))
	digits := bytes.TrimLeft(rest, " \t")
	name := bytes.TrimLeft(digits, "01234567")
	n := len(digits) - len(name)
	if len(digits) == len(rest) || n < 3 || n > 4 || len(name) == 0 || name[0] != ' ' && name[0] != '\t' {
		return ""
	}
	return cleanName(strings.Trim(string(name), " \t"))
}
