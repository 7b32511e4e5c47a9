package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
)

func TestVerdictTells(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verdict    framework.Verdict
		kind, text string
		code       int
		refuses    bool
	}{
		{framework.Continue, "continue", "continue", 0, false},
		{framework.Accept, "accept", "accept", 0, false},
		{framework.Reject, "reject", "reject", 0, true},
		{framework.TempFail, "tempfail", "tempfail", 0, true},
		{framework.Discard, "discard", "discard", 0, false},
		{framework.SkipBody, "skip body", "skip body", 0, false},
		{framework.MustReply(550, "5.7.1", "no", "never"), "reply", "reply 550-5.7.1 no / 550 5.7.1 never", 550, true},
		{framework.MustReply(421, "", "later"), "reply", "reply 421 later", 421, true},
	} {
		assert.Equal(t, c.kind, c.verdict.Kind())
		assert.Equal(t, c.text, c.verdict.String())
		assert.Equal(t, c.code, c.verdict.Code(), c.text)
		assert.Equal(t, c.refuses, c.verdict.Refuses(), c.text)
	}
}
