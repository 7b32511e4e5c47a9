package ledger

// Names are compared as the MTAs do it: ASCII letters without regard to case,
// all other bytes as they are. Unicode knows more pairs of letters, and a
// message could hide a field from the filter behind them.

func sameName(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// fold returns the same string for all names that are the same.
func fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
