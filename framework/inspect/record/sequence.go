package record

import (
	"iter"
	"math/rand/v2"
)

// sequence is a list of fields in which finding, inserting and removing one takes a time that
// grows with the logarithm of its length. It is a treap: a tree in the order of the list, in
// which each element has a random weight, and none is heavier than the one above it. The weights
// keep the tree shallow, whatever the order of the changes.
type sequence struct{ root *element }

// element is a place of a sequence.
type element struct {
	*field
	above, left, right *element
	size               int // of the tree below, itself included
	weight             uint32
}

// size returns the number of fields.
func (s *sequence) size() int { return s.root.count() }

func (e *element) count() int {
	if e == nil {
		return 0
	}
	return e.size
}

// adopt sets the elements below an element.
func (e *element) adopt(left, right *element) {
	e.left, e.right = left, right
	e.size = left.count() + 1 + right.count()
	for _, below := range []*element{left, right} {
		if below != nil {
			below.above = e
		}
	}
}

// at returns the element at a place, which exists.
func (s *sequence) at(place int) *element {
	e := s.root
	for {
		switch n := e.left.count(); {
		case place < n:
			e = e.left
		case place == n:
			return e
		default:
			e, place = e.right, place-n-1
		}
	}
}

// place returns the place of an element.
func (e *element) place() int {
	n := e.left.count()
	for ; e.above != nil; e = e.above {
		if e == e.above.right {
			n += e.above.left.count() + 1
		}
	}
	return n
}

// insert inserts a field at a place, and returns its element.
func (s *sequence) insert(place int, f *field) *element {
	e := &element{field: f, size: 1, weight: rand.Uint32()} //nolint:gosec // it protects nothing but the shape of a tree
	left, right := split(s.root, place)
	s.set(merge(merge(left, e), right))
	return e
}

// remove removes an element.
func (s *sequence) remove(e *element) {
	above, rest := e.above, merge(e.left, e.right)
	switch {
	case above == nil:
		s.set(rest)
		return
	case above.left == e:
		above.adopt(rest, above.right)
	default:
		above.adopt(above.left, rest)
	}
	for e = above.above; e != nil; e = e.above {
		e.size--
	}
}

func (s *sequence) set(root *element) {
	if s.root = root; root != nil {
		root.above = nil
	}
}

// split splits a tree behind its first n elements.
func split(e *element, n int) (left, right *element) {
	switch {
	case e == nil:
		return nil, nil
	case n <= e.left.count():
		left, right = split(e.left, n)
		e.adopt(right, e.right)
		return left, e
	default:
		left, right = split(e.right, n-e.left.count()-1)
		e.adopt(e.left, left)
		return e, right
	}
}

// merge joins two trees.
func merge(left, right *element) *element {
	switch {
	case left == nil:
		return right
	case right == nil:
		return left
	case left.weight > right.weight:
		left.adopt(left.left, merge(left.right, right))
		return left
	default:
		right.adopt(merge(left, right.left), right.right)
		return right
	}
}

// all iterates over the fields in their order.
func (s *sequence) all() iter.Seq[*field] {
	return func(yield func(*field) bool) { s.root.each(yield) }
}

func (e *element) each(yield func(*field) bool) bool {
	return e == nil || e.left.each(yield) && yield(e.field) && e.right.each(yield)
}
