package opendkim

import "slices"

// maxPatterns limits the patterns that threeMeet compares with each other.
const maxPatterns = 500

// threeMeet reports whether one text may match three of the patterns. It says so
// of three patterns of which any two have a text in common, and of more than
// maxPatterns.
func threeMeet(patterns []string) bool {
	if len(patterns) > maxPatterns {
		return true
	}
	for i, a := range patterns {
		var near []string
		for _, b := range patterns[i+1:] {
			if !meet(a, b) {
				continue
			}
			if slices.ContainsFunc(near, func(other string) bool { return meet(other, b) }) {
				return true
			}
			near = append(near, b)
		}
	}
	return false
}

// meet reports whether a text matches both of two patterns, in which an asterisk
// matches any text.
func meet(a, b string) bool {
	// reach[j] says whether a[:i] and b[:j] have a text in common.
	reach := make([]bool, len(b)+1)
	reach[0] = true
	for j := range len(b) {
		reach[j+1] = reach[j] && b[j] == '*'
	}
	for i := range len(a) {
		before := reach[0]
		reach[0] = reach[0] && a[i] == '*'
		for j := range len(b) {
			up := reach[j+1]
			if a[i] == '*' || b[j] == '*' {
				reach[j+1] = up || reach[j]
			} else {
				reach[j+1] = before && a[i] == b[j]
			}
			before = up
		}
	}
	return reach[len(b)]
}
