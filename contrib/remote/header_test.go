package remote_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// drawEdits draws edits of the header, with numbers that name fields, places and neither.
func drawEdits(rng *rand.Rand, n int) []wire.Reply {
	names := []string{"A", "B", "b", "C", "New"}
	list := make([]wire.Reply, n)
	for i := range list {
		name, value := names[rng.IntN(len(names))], fmt.Sprintf("v%d", i)
		if rng.IntN(4) == 0 {
			value += "\n\tfolded"
		}
		switch rng.IntN(4) {
		case 0:
			list[i] = &wire.AddHeader{Name: name, Value: value}
		case 1:
			list[i] = &wire.InsertHeader{Index: uint32(rng.IntN(9)), Name: name, Value: value}
		case 2:
			list[i] = &wire.ChangeHeader{Index: uint32(rng.IntN(4)), Name: name, Value: value}
		default:
			list[i] = &wire.ChangeHeader{Index: uint32(rng.IntN(4)), Name: name}
		}
	}
	return list
}

// withSpace returns the edits for an MTA that sends values byte by byte. Some values have
// no space, or two.
func withSpace(rng *rand.Rand, list []wire.Reply) {
	spaces := []string{" ", " ", "", "  ", "\t"}
	for _, r := range list {
		space := spaces[rng.IntN(len(spaces))]
		switch r := r.(type) {
		case *wire.AddHeader:
			r.Value = space + r.Value
		case *wire.InsertHeader:
			r.Value = space + r.Value
		case *wire.ChangeHeader:
			if r.Value != "" {
				r.Value = space + r.Value
			}
		}
	}
}

// Random edits of a milter have the effect that they have on Postfix: those of its numbers
// that count what it edited before, too.
func TestEditsAreThoseOfPostfix(t *testing.T) {
	t.Parallel()
	for _, leadSpace := range []wire.Protocol{0, wire.ProtoHdrLeadSpc} {
		t.Run(leadSpace.String(), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(150) {
				rng := rand.New(rand.NewPCG(seed, uint64(leadSpace)))
				edits := drawEdits(rng, 1+rng.IntN(8))
				if leadSpace != 0 {
					withSpace(rng, edits)
				}
				msg := &mta.Message{
					Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}},
					Received:   &mta.Field{Name: "Received", Value: " by the MTA"},
					Header: []mta.Field{
						{Name: "A", Value: " 1"},
						{Name: "B", Value: " 1"},
						{Name: "A", Value: " 2"},
						{Name: "A", Value: "  3"},
						{Name: "C", Value: "1"},
						{Name: "Received", Value: " by another"},
					},
					Body: []byte("hello\r\n"),
				}
				var frames []byte
				for _, e := range edits {
					frames = append(frames, frame(t, e)...)
				}
				p := &puppet{
					answer: wire.Negotiate{Actions: wire.ActionAddHdrs | wire.ActionChgHdrs, Protocol: leadSpace},
					reply: func(f wire.Frame) ([]byte, bool) {
						if wire.CommandCode(f.Code) == wire.CmdBodyEOB {
							return append(frames, bare(wire.RepContinue)...), true
						}
						return bare(wire.RepContinue), true
					},
				}
				want, err := mta.Apply(msg, edits, mta.Postfix, leadSpace)
				require.NoError(t, err)
				got := miltertest.Run(t, lane(t, remote.Config{}, p.start(t)), msg)
				require.NotNil(t, got.Edited, "%v\n%s", got.Verdict, got.Logs)
				require.Equal(t, string(want.Bytes()), string(got.Edited.Bytes()), "seed %d: %v", seed, edits)
				assert.Equal(t, want.Above, got.Edited.Above)
			}
		})
	}
}
