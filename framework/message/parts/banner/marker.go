package banner

// marker finds a word in a text that it is shown byte by byte. The zero value finds
// nothing. (It is the algorithm of Knuth, Morris and Pratt.)
type marker struct {
	word    string
	back    []int // how much of the word still matches if the byte behind it does not
	matched int
	seen    bool
}

func newMarker(word string) marker {
	m := marker{word: word, back: make([]int, len(word)+1)}
	for i := 1; i < len(word); i++ {
		k := m.back[i]
		for k > 0 && word[k] != word[i] {
			k = m.back[k]
		}
		if word[k] == word[i] {
			k++
		}
		m.back[i+1] = k
	}
	return m
}

func (m *marker) next(c byte) {
	if m.seen || m.word == "" {
		return
	}
	for m.matched > 0 && m.word[m.matched] != c {
		m.matched = m.back[m.matched]
	}
	if m.word[m.matched] == c {
		m.matched++
	}
	m.seen = m.matched == len(m.word)
}
