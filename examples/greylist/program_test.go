package main_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	main "github.com/sluicemail/sluice/examples/greylist"
)

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no delay":         {"-delay", "0s"},
		"negative delay":   {"-delay", "-1s"},
		"retry at once":    {"-retry", "5m"},
		"nobody is kept":   {"-keep", "0s"},
		"no entries":       {"-entries", "0"},
		"no time":          {"-delay", "soon"},
		"negative entries": {"-entries", "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := main.Program().Run(append(args, "-explain", "text"), &stdout, &stderr)
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout.String())
			assert.Regexp(t, `^greylist: [^\n]*-(delay|entries)[^\n]*\n$`, stderr.String())
		})
	}
}
