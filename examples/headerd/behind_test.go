package main_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Without the rule that is required, the others are enough for Maddy.
func TestCheckBehindWithWishes(t *testing.T) {
	t.Parallel()
	file := write(t, "rules:\n- optional: true\n  do: [{delete: X}]\n- do: [{add: {name: X, value: y}}]\n")
	status, stdout, stderr := run("-check", "-behind", "maddy", "-config", file)
	assert.Zero(t, status, stderr)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, file+":3: rule 1: Delete cannot change and delete fields (SMFIF_CHGHDRS): the rule is skipped\n")
	assert.NotContains(t, stdout, "cannot work")
}

func TestCheckBehindMistakes(t *testing.T) {
	t.Parallel()
	file := write(t, addX)
	status, stdout, stderr := run("-check", "-behind", "exim", "-config", file)
	assert.Equal(t, 2, status)
	assert.Empty(t, stdout)
	assert.Equal(t, "headerd: invalid value \"exim\" for flag -behind: want maddy, postfix, sendmail or stalwart\n", stderr)
	status, _, stderr = run("-behind", "maddy", "-config", file)
	assert.Equal(t, 2, status)
	assert.Equal(t, "headerd: -behind needs -check\n", stderr)
	status, _, stderr = run("-check", "-behind", "maddy", "-config", write(t, "rules: 1\n"))
	assert.Equal(t, 1, status)
	assert.NotContains(t, stderr, "behind")
}

// With both flags the program says both. What a server lacks decides the exit status.
func TestCheckBehindAndAgainst(t *testing.T) {
	t.Parallel()
	old, deletes := write(t, addX), write(t, "rules: [{do: [{delete: X}]}]\n")
	status, _, stderr := run("-check", "-behind", "maddy", "-against", old, "-config", deletes)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "behind Maddy: the server does not grant")
	assert.Contains(t, stderr, "needs a restart")
	status, _, _ = run("-check", "-behind", "postfix", "-against", old, "-config", deletes)
	assert.Equal(t, 3, status)
}
