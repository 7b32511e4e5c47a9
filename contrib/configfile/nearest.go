package configfile

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxMisspelt is the length of the longest name that Nearest looks at, so that a long name
// costs nothing.
const maxMisspelt = 40

// Nearest returns the known name that is most like a wrong one, or "" if none is like it. A
// name is like another if they differ in few letters, or if one contains the other. Case,
// dots, hyphens and underscores do not count. Errors suggest it.
func Nearest(wrong string, known []string) (name string) {
	key := plainLetters(wrong)
	if len(key) < 3 || utf8.RuneCountInString(key) > maxMisspelt {
		return ""
	}
	best := 2 + len(key)/8 // from so many letters on it is another word
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(key, plainLetters(k)); d < best {
			best, name = d, k
		}
	}
	if name != "" || len(key) < 4 {
		return name
	}
	for _, k := range slices.Sorted(slices.Values(known)) {
		if plain := plainLetters(k); len(plain) > 3 && (strings.Contains(key, plain) || strings.Contains(plain, key)) {
			return k
		}
	}
	return ""
}

func plainLetters(name string) string {
	return strings.NewReplacer(".", "", "-", "", "_", "", " ", "").Replace(strings.ToLower(name))
}

// distance returns how many letters must be added, removed, changed or exchanged with the
// next to make one text of the other.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	rows := make([][]int, len(from)+1)
	for i := range rows {
		rows[i] = make([]int, len(to)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i, x := range from {
		for j, y := range to {
			d := rows[i][j]
			if x != y {
				d++
			}
			d = min(d, rows[i][j+1]+1, rows[i+1][j]+1)
			if i > 0 && j > 0 && x == to[j-1] && from[i-1] == y {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(from)][len(to)]
}
