package main_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	main "github.com/sluicemail/sluice/examples/addheaderip"
)

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = main.Program().Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"empty":         "",
		"space":         "X Client",
		"colon":         "X-Client:",
		"line end":      "X-Client\r\nX-Forged",
		"NUL":           "X\x00",
		"not ASCII":     "X-Adreße",
		"delete":        "X\x7f",
		"65 characters": strings.Repeat("x", 65),
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run("-name", value, "-explain", "text")
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^addheaderip: -name: a header field's name [^\n]*\n$`, stderr)
		})
	}
}
