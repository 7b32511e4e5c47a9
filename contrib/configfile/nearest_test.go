package configfile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/configfile"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"servers", "timeout", "max_names", "max_bytes", "spf"}
	for wrong, want := range map[string]string{
		"server":                       "servers", // a letter is missing
		"tiemout":                      "timeout", // two are exchanged
		"Max-Names":                    "max_names",
		"maxbytes":                     "max_bytes",
		"the_timeout":                  "timeout", // it is contained
		"color":                        "",
		"sp":                           "", // too short to tell
		strings.Repeat("timeout", 100): "", // too long to be looked at
	} {
		assert.Equal(t, want, configfile.Nearest(wrong, known), wrong)
	}
}
