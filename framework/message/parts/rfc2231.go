package parts

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework/message/internal/charset"
)

// splitName divides the name of a parameter as RFC 2231 has it: name*, name*0, name*0*.
func splitName(name string) (base string, index int, star bool) {
	base, rest, ok := strings.Cut(name, "*")
	if !ok {
		return name, -1, false
	}
	number, star := strings.CutSuffix(rest, "*")
	if rest == "" {
		return base, -1, true
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return name, -1, false
	}
	return base, int(n), star
}

// group contains the parameters of RFC 2231 with one name: pieces of one value, or
// values in percent encoding.
type group struct {
	base   string
	pieces []*rawParam
}

// groups returns the groups in the order of their first parameters. A value in percent
// encoding is a group of its own.
func groups(list []rawParam) (found []group) {
	if !slices.ContainsFunc(list, func(r rawParam) bool { return r.isExtended() }) {
		return nil
	}
	byBase := make(map[string]int)
	for i := range list {
		r := &list[i]
		if !r.isExtended() {
			continue
		}
		if r.index < 0 {
			found = append(found, group{r.base, []*rawParam{r}})
			continue
		}
		at, ok := byBase[r.base]
		if !ok {
			at = len(found)
			byBase[r.base] = at
			found = append(found, group{base: r.base})
		}
		found[at].pieces = append(found[at].pieces, r)
	}
	return found
}

// values returns what readers may make of the group. The first is what the standard
// says: the pieces from 0 on, up to the first that is missing, each once. Others take the
// last piece of each number, or all pieces, in the order of their numbers or as they were
// written, and take the percent signs of all for encoding. Known is false if the charset is unknown.
func (g group) values() (list []string, known bool) {
	sorted := slices.Clone(g.pieces)
	slices.SortStableFunc(sorted, func(a, b *rawParam) int { return cmp.Compare(a.index, b.index) })
	standard := sorted[:0:0]
	for _, r := range sorted {
		if r.index == len(standard) || r.index < 0 {
			standard = append(standard, r)
		}
	}
	if len(standard) == 0 {
		standard = sorted
	}
	latest := sorted[:0:0]
	for i, r := range sorted {
		if i+1 == len(sorted) || sorted[i+1].index != r.index {
			latest = append(latest, r)
		}
	}
	known = true
	for _, way := range []struct {
		pieces []*rawParam
		all    bool
	}{{standard, false}, {latest, false}, {sorted, false}, {sorted, true}, {g.pieces, true}} {
		text, ok := joined(way.pieces, way.all)
		list, known = append(list, text), known && ok
	}
	return slices.Compact(list), known
}

// joined joins and converts pieces. If all is set, percent encoding is undone in the
// whole; otherwise only in the pieces that say so.
func joined(pieces []*rawParam, all bool) (value string, known bool) {
	name, encoded := "", false
	var b strings.Builder
	for i, r := range pieces {
		text := r.value
		if i == 0 && r.star {
			name, text = cutCharset(text)
		}
		encoded = encoded || r.star
		if r.star && !all {
			text = unpercent(text)
		}
		_, _ = b.WriteString(text)
	}
	text := b.String()
	if all && encoded {
		text = unpercent(text)
	}
	return convert(name, text)
}

// cutCharset divides charset'language'text. Without both apostrophes there is no
// charset.
func cutCharset(text string) (name, rest string) {
	name, rest, ok := strings.Cut(text, "'")
	if !ok {
		return "", text
	}
	if _, behind, ok := strings.Cut(rest, "'"); ok {
		return name, behind
	}
	return name, rest
}

// convert converts text from a charset to UTF-8, and reports whether the charset is known.
func convert(name, text string) (converted string, known bool) {
	if name == "" || strings.EqualFold(name, "utf-8") {
		return text, true
	}
	return charset.ToUTF8(name, []byte(text))
}

// unpercent undoes percent encoding. What is no valid code stays.
func unpercent(text string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				_ = b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		_ = b.WriteByte(text[i])
	}
	return b.String()
}
