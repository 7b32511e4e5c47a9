//go:build integration

package headers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestSpaceBeforeColonBehindMTAs checks that a name with white space before the
// colon, which the obsolete syntax allows, equals the name without it.
// Otherwise a sender could hide a field.
func TestSpaceBeforeColonBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			b.use(t, parsed(t, "rules: [{when: {duplicated: From}, do: [reject: twice]}, {do: [{delete: {name: X, which: 2}}, {rename: {name: Y, to: Z}}]}]"))
			code, text, _ := b.send(t, session{from: "a@example.org"}, "From: a@example.org\nFrom : b@example.org\n\nbody\n")
			assert.Equal(t, 550, code, text)
			code, text, got := b.send(t, session{from: "a@example.org"}, "X : 1\nA: a\nX : 2\nY\t: 3\nX: 4\n\nbody\n")
			assert.Equal(t, 250, code, text)
			assert.Equal(t, "X: 1\r\nA: a\r\nZ: 3\r\nX: 4\r\n\r\nbody\r\n", got)
		})
	}
}
