package main_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	main "github.com/sluicemail/sluice/examples/logall"
)

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = main.Program().Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"zero": "0", "negative": "-1", "no number": "all"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run("-limit", value, "-explain", "text")
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^logall: [^\n]*-limit[^\n]*\n$`, stderr)
		})
	}
}
