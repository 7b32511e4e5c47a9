package record

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (e *element) depth() int {
	if e == nil {
		return 0
	}
	return 1 + max(e.left.depth(), e.right.depth())
}

// The depth bounds what each change costs. It grows with the logarithm of the length, in
// whatever order fields come and go.
func TestSequenceStaysShallow(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(i int) int{
		"at the top":           func(int) int { return 0 },
		"at the end":           func(i int) int { return i },
		"in the middle":        func(i int) int { return i / 2 },
		"at both ends in turn": func(i int) int { return i % 2 * i },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{100, 1_000, 20_000} {
				var s sequence
				var list []*element
				for i := range n {
					list = append(list, s.insert(place(i), &field{}))
				}
				assert.Less(t, s.root.depth(), 5*bits.Len(uint(n)))
				for i := range n / 2 {
					e := s.at(list[2*i].place())
					require.Same(t, list[2*i], e)
					s.remove(e)
				}
				assert.Equal(t, n/2, s.size())
				assert.Less(t, s.root.depth(), 5*bits.Len(uint(n)))
			}
		})
	}
}
