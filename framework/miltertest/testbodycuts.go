package miltertest

import "slices"

// maxPlaces bounds the number of positions in a message that a check tries.
const maxPlaces = 12

// bodyCuts sends each body cut in two at each position, and cut into single
// bytes.
func (s *suite) bodyCuts(t T) {
	t.Helper()
	for i, msg := range s.msgs {
		want := s.answer(t, msg)
		for _, cuts := range cutLists(msg.Body) {
			m := *msg
			m.Cuts = cuts
			if !equal(t, want, s.answer(t, &m), "the answer to message %d differs with its body cut at %v", i, cuts[:min(len(cuts), 10)]) {
				break
			}
		}
	}
}

// cutLists returns lists of positions: all positions of a short body, and a
// selection for a long one.
func cutLists(body []byte) (ways [][]int) {
	if len(body) < 2 {
		return nil
	}
	for _, at := range spread(len(body) - 1) {
		if at > 0 {
			ways = append(ways, []int{at})
		}
	}
	for i, b := range body {
		if b == '\r' && len(ways) < 4*maxPlaces { // within a line end and around it
			ways = append(ways, []int{i + 1}, []int{i, i + 1, i + 2})
		}
	}
	const short = 4 << 10
	all := make([]int, 0, short)
	for at := 1; at < min(len(body), short); at++ {
		all = append(all, at)
	}
	return append(ways, all)
}

// spread returns the numbers from 0 to n, or an evenly spaced selection of
// them.
func spread(n int) (list []int) {
	for i := range min(n, maxPlaces) + 1 {
		list = append(list, i*n/max(min(n, maxPlaces), 1))
	}
	return slices.Compact(list)
}
