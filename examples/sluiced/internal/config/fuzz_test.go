package config_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
	"github.com/sluicemail/sluice/framework"
)

// FuzzParse checks that each line of an error names a place in the file, and that the filters
// of a file without a mistake can be made.
func FuzzParse(f *testing.F) {
	f.Add(whole)
	for _, name := range []string{"mx.yaml", "submission.yaml", "list.yaml"} {
		text, err := os.ReadFile("../../" + name)
		require.NoError(f, err)
		f.Add(string(text))
	}
	place := regexp.MustCompile(`^x\.yaml:\d+:\d+: `)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file") || strings.Contains(text, "addresses") || strings.Contains(text, "table") {
			t.Skip("it may open files, or ask a milter")
		}
		s, err := config.Parse("x.yaml", []byte(text), config.Options{DNS: "127.0.0.1:1"})
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				assert.Regexp(t, place, line)
			}
			return
		}
		filters, err := s.Build(config.Hooks{})
		require.NoError(t, err)
		r := framework.NewRouter()
		r.Mount(filters)
		if _, err := r.Plan(); err != nil {
			_, ok := errors.AsType[*framework.RegistrationError](err)
			assert.True(t, ok, err)
		}
		assert.NoError(t, filters.Check(s), "a file can be reloaded as it is")
	})
}
