//go:build integration

package attack_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// mutation is a way to deviate from a valid session.
type mutation struct {
	name   string
	weight int // how often it is drawn, in relation to the others
	apply  func(*script)
}

// mutations returns all mutations.
func mutations() []mutation {
	return slices.Concat(byteMutations(), orderMutations(), dataMutations(), offerMutations(), sizeMutations(), endMutations())
}

// byteMutations change bytes, in particular the lengths of frames.
func byteMutations() []mutation {
	length := func(n uint32) func(*script) {
		return func(s *script) {
			s.mangle(func(b []byte) []byte { return append(announced(n, 'M'), b[min(4, len(b)):]...) })
		}
	}
	off := func(by int) func(*script) {
		return func(s *script) {
			s.mangle(func(b []byte) []byte {
				if len(b) >= 4 {
					n := int(binary.BigEndian.Uint32(b)) + by
					binary.BigEndian.PutUint32(b, uint32(max(n, 0)))
				}
				return b
			})
		}
	}
	return []mutation{
		{"nothing changed", 4, func(*script) {}},
		{"a byte of the frame changed", 12, func(s *script) {
			s.mangle(func(b []byte) []byte { return s.scramble(b, 4, 40, 1) })
		}},
		{"bytes anywhere changed", 12, func(s *script) {
			s.mangle(func(b []byte) []byte { return s.scramble(b, 0, len(b), 1+s.rnd.IntN(20)) })
		}},
		{"random bytes", 4, func(s *script) {
			s.mangle(func([]byte) []byte { return s.scramble(make([]byte, 1+s.rnd.IntN(300)), 0, 300, 300) })
		}},
		{"a length of 0", 4, length(0)},
		{"a length of 1", 4, length(1)},
		{"a length of the limit and 1", 4, length(wire.DefaultLimit + 1)},
		{"a length of 2 GiB", 4, length(1 << 31)},
		{"a length of 4 GiB", 4, length(1<<32 - 1)},
		{"a length of 1 too few", 4, off(-1)},
		{"a length of 1 too many", 4, off(1)},
		{"a length of many too many", 4, off(1000)},
		{"cut short", 12, func(s *script) {
			s.mangle(func(b []byte) []byte { return b[:s.rnd.IntN(len(b)+1)] })
			s.ending = ending(s.rnd.IntN(int(numEndings)))
		}},
		{"cut short in its length", 4, func(s *script) {
			s.mangle(func(b []byte) []byte { return b[:min(len(b), s.rnd.IntN(6))] })
		}},
	}
}

// mangle changes the bytes of the rest, after the mutations of frames.
func (s *script) mangle(f func([]byte) []byte) { s.mangles = append(s.mangles, f) }

// scramble sets n bytes between two offsets to random values.
func (s *script) scramble(b []byte, from, to, n int) []byte {
	if to = min(to, len(b)); from < to {
		for range n {
			b[from+s.rnd.IntN(to-from)] = byte(s.rnd.IntN(256))
		}
	}
	return b
}

// orderMutations change which frames come, and in which order.
func orderMutations() []mutation {
	return []mutation{
		{"shuffled", 8, func(s *script) {
			s.rest = slices.Clone(s.rest)
			s.rnd.Shuffle(len(s.rest), func(i, j int) { s.rest[i], s.rest[j] = s.rest[j], s.rest[i] })
		}},
		{"two frames exchanged", 8, func(s *script) {
			s.rest = slices.Clone(s.rest)
			if n := len(s.rest); n > 1 {
				i, j := s.rnd.IntN(n), s.rnd.IntN(n)
				s.rest[i], s.rest[j] = s.rest[j], s.rest[i]
			}
		}},
		{"a frame repeated", 8, func(s *script) {
			s.insert(slices.Repeat(s.rest[:min(1, len(s.rest))], pick(s.rnd, 1, 2, 200))...)
		}},
		{"all of it repeated", 4, func(s *script) { s.insert(s.session.frames...) }},
		{"frames left out", 8, func(s *script) {
			s.rest = slices.DeleteFunc(slices.Clone(s.rest), func(wire.Frame) bool { return oneIn(s.rnd, 3) })
		}},
		{"back to an earlier frame", 8, func(s *script) { s.rest = s.session.frames[s.rnd.IntN(s.at+1):] }},
		{"on with another session", 8, func(s *script) {
			other := newSession(s.rnd).frames
			s.rest = other[s.rnd.IntN(len(other)):]
		}},
		{"two sessions mixed", 8, func(s *script) {
			s.rest = mixed(s.rnd, s.rest, newSession(s.rnd).frames[1:])
		}},
		{"another session after QUIT_NC", 8, func(s *script) {
			s.insert(wire.Frame{Code: byte(wire.CmdQuitNC)})
			s.rest = append(s.rest[:1:1], newSession(s.rnd).frames[1:]...)
		}},
		{"two sessions mixed with QUIT_NC", 8, func(s *script) {
			s.rest = mixed(s.rnd, s.rest, []wire.Frame{{Code: byte(wire.CmdQuitNC)}, {Code: byte(wire.CmdQuitNC)}})
			s.rest = mixed(s.rnd, s.rest, newSession(s.rnd).frames[1:])
		}},
		{"ABORT between all frames", 4, func(s *script) {
			var all []wire.Frame
			for _, f := range s.rest {
				all = append(all, f, wire.Frame{Code: byte(wire.CmdAbort)})
			}
			s.rest = all
		}},
		{"more after QUIT", 4, func(s *script) { s.insert(wire.Frame{Code: byte(wire.CmdQuit)}) }},
	}
}

// insert puts frames before the rest.
func (s *script) insert(frames ...wire.Frame) { s.rest = slices.Concat(frames, s.rest) }

// mixed returns the frames of two lists, each in its order.
func mixed(rnd *rand.Rand, a, b []wire.Frame) (out []wire.Frame) {
	for len(a) > 0 && len(b) > 0 {
		from := &a
		if oneIn(rnd, 2) {
			from = &b
		}
		out = append(out, (*from)[0])
		*from = (*from)[1:]
	}
	return slices.Concat(out, a, b)
}
