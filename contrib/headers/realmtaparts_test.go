//go:build integration

package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestProgramsBehindMTAs sends the messages of TestPrograms through real MTAs: programs
// are refused, and all other mail is delivered as it is.
func TestProgramsBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			b.use(t, parsed(t, shownPrograms(t)))
			for name, c := range programTests() {
				code, text, got := b.send(t, session{from: "a@example.org"}, c.message)
				if c.refusal != "" {
					assert.Equal(t, 550, code, name)
					assert.Equal(t, "5.7.1 "+c.refusal, text, name)
					continue
				}
				assert.Equal(t, 250, code, "%s: %s", name, text)
				want := c.message
				if strings.Contains(want, "boundary=c") && b.mta.Name() == "sendmail" {
					want = strings.ReplaceAll(want, "\n--b--\n", "\n--c--\n--b--\n") // it closes what was cut
				}
				assert.Equal(t, compared(want), compared(strings.ReplaceAll(got, "\r\n", "\n")), name)
			}
		})
	}
}
