//go:build integration

package attack_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// script is what one hostile connection does: first it is valid, and then it
// deviates.
type script struct {
	rnd     *rand.Rand
	session *session
	names   []string // of the mutations

	// at is the number of frames of the session that are sent unchanged.
	at int
	// lockstep makes the connection wait for each answer among these frames, as
	// an MTA does. Otherwise it sends them without waiting.
	lockstep bool
	// rest is what follows. First it is the rest of the session.
	rest []wire.Frame
	// mangles change the bytes of the rest.
	mangles []func([]byte) []byte

	delivery delivery
	ending   ending
	// neverReads means that the connection reads nothing.
	neverReads bool
}

// delivery is how bytes are written.
type delivery int

// The deliveries.
const (
	whole     delivery = iota // in one write
	fragments                 // in pieces of random sizes
	dribble                   // at first byte by byte, with pauses
	numDeliveries
)

// ending is how a connection ends.
type ending int

// The endings.
const (
	halfClosed ending = iota // end the output, and read to the end of the input
	closed
	reset
	held // wait a little, and close
	numEndings
)

func (d delivery) String() string {
	return [numDeliveries]string{"whole", "in fragments", "byte by byte"}[d]
}

func (e ending) String() string {
	return [numEndings]string{"half closed", "closed", "reset", "held"}[e]
}

// newScript draws the script of a connection to a target. The same seed, target
// and number have the same script.
func newScript(seed uint64, target string, number int) *script {
	h := fnv.New64a()
	_, _ = h.Write([]byte(target))
	s := &script{rnd: rand.New(rand.NewPCG(seed^h.Sum64(), uint64(number)))}
	s.session = newSession(s.rnd)
	s.at = s.rnd.IntN(len(s.session.frames))
	s.lockstep = oneIn(s.rnd, 4)
	if s.lockstep {
		s.at = s.session.mail + s.rnd.IntN(s.session.end-s.session.mail)
	}
	s.rest = slices.Clip(s.session.frames[s.at:])
	s.delivery = pick(s.rnd, whole, whole, fragments, dribble)
	s.ending = pick(s.rnd, halfClosed, halfClosed, halfClosed, halfClosed, closed, reset, held)
	table := mutations()
	s.mutate(table)
	if oneIn(s.rnd, 4) {
		s.mutate(table)
	}
	return s
}

// String describes the script.
func (s *script) String() string {
	return fmt.Sprintf("%s; after %d valid frames, in lockstep: %v; %v, %v", strings.Join(s.names, ", "), s.at, s.lockstep, s.delivery, s.ending)
}

// mutate applies a mutation of the table.
func (s *script) mutate(table []mutation) {
	total := 0
	for _, m := range table {
		total += m.weight
	}
	drawn := s.rnd.IntN(total)
	for _, m := range table {
		if drawn -= m.weight; drawn < 0 {
			s.names = append(s.names, m.name)
			m.apply(s)
			return
		}
	}
}

// begin makes the rest begin at a frame of the session.
func (s *script) begin(at int) {
	s.at, s.lockstep = at, false
	s.rest = slices.Clip(s.session.frames[at:])
}

// prefix returns the bytes of the frames that are sent unchanged.
func (s *script) prefix() []byte { return encode(s.session.frames[:s.at]) }

// events returns the number of events of the first message that are sent
// unchanged.
func (s *script) events() (n int) {
	for _, f := range s.session.frames[s.session.mail:s.at] {
		if wire.CommandCode(f.Code) != wire.CmdMacro && wire.CommandCode(f.Code) != wire.CmdUnknown {
			n++
		}
	}
	return n
}

// tail returns the bytes of the rest.
func (s *script) tail() []byte {
	out := encode(s.rest)
	for _, mangle := range s.mangles {
		out = mangle(out)
	}
	return out
}
