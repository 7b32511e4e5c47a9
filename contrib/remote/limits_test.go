package remote_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// A milter may make as many modifications as Config.MaxModifications says. With one more the
// lane has failed, and none of them is made.
func TestMaxModifications(t *testing.T) {
	t.Parallel()
	insertion := frame(t, &wire.InsertHeader{Index: 2, Name: "X", Value: "y"})
	chunk := frame(t, &wire.ReplaceBody{Chunk: []byte("new\r\n")})
	for name, tc := range map[string]struct {
		insertions int
		max        int
		fails      string
	}{
		"fewer than by default": {insertions: 5_000},
		"one more":              {insertions: 10_001, fails: "makes 10001 modifications of a message, more than the 10000 of MaxModifications"},
		"as many as configured": {insertions: 3, max: 3},
		"one more than that":    {insertions: 4, max: 3, fails: "makes 4 modifications of a message, more than the 3 of MaxModifications"},
		"twice as many":         {insertions: 20_000, fails: "makes 20000 modifications"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames := append(bytes.Repeat(insertion, tc.insertions), bytes.Repeat(chunk, 10)...) // chunks do not count
			frames = append(frames, bare(wire.RepContinue)...)
			p := &puppet{answer: wire.Negotiate{Actions: wire.ActionAddHdrs | wire.ActionChgHdrs | wire.ActionChgBody}, reply: func(f wire.Frame) ([]byte, bool) {
				if wire.CommandCode(f.Code) == wire.CmdBodyEOB {
					return frames, true
				}
				return bare(wire.RepContinue), true
			}}
			patient := miltertest.Configure(func(cfg *framework.Config) { cfg.MessageTimeout = patience })
			res := miltertest.Run(t, lane(t, remote.Config{MaxModifications: tc.max}, p.start(t)), letter(), patient)
			if tc.fails != "" {
				assert.Nil(t, res.Edited)
				assert.Equal(t, []string{"451 4.3.0 mail filter failed, try again later"}, res.Verdict.Lines())
				assert.Contains(t, res.Logs.String(), tc.fails)
				return
			}
			require.NotNil(t, res.Edited, res.Logs)
			assert.Len(t, res.Edited.Header, len(letter().Header)+tc.insertions)
		})
	}
}
