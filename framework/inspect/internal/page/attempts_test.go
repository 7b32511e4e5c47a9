package page_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
)

// guesser returns a function that sends a token n times from an address, and returns how many
// times it was compared.
func guesser(t *testing.T) func(peer, value string, n int) int {
	t.Helper()
	h := mailbox(t, page.Config{Token: token})
	return func(peer, value string, n int) (compared int) {
		for range n {
			resp := send(t, h, "/api/messages", outside, from(peer), header("Authorization", "Bearer "+value))
			if resp.StatusCode != http.StatusTooManyRequests {
				compared++
			}
		}
		return compared
	}
}

// However many hosts guess, each has ten attempts a minute. While 300 do, others can log in: of
// ten, one may have the counters of guessers.
func TestManyGuessers(t *testing.T) {
	t.Parallel()
	for name, peer := range map[string]string{"IPv4": "203.0.%d.%d:1", "networks of IPv6": "[2001:db8:%x:%x::1]:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				guess := guesser(t)
				for i := range 300 {
					assert.LessOrEqual(t, guess(fmt.Sprintf(peer, i/10, i%10), "guess", 12), 10)
				}
				in := 0
				for i := range 10 {
					in += guess(fmt.Sprintf("192.0.2.%d:1", i), token, 1)
				}
				assert.GreaterOrEqual(t, in, 9)
				assert.LessOrEqual(t, guess("198.51.100.9:1", "guess", 12), 1, "who begins now has one attempt")
				assert.Zero(t, guess(fmt.Sprintf(peer, 1, 1), token, 1))
				time.Sleep(time.Minute)
				assert.Equal(t, 10, guess(fmt.Sprintf(peer, 1, 1), "guess", 12))
			})
		})
	}
}

// A host that has many networks of IPv6 has a hundred attempts with all of them, and takes
// those of no other.
func TestGuesserWithManyNetworks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		guess := guesser(t)
		compared := 0
		for i := range 2000 {
			compared += guess(fmt.Sprintf("[2001:db8:1:%x::1]:1", i), "guess", 1)
		}
		assert.LessOrEqual(t, compared, 100)
		assert.GreaterOrEqual(t, compared, 90)
		assert.Equal(t, 1, guess("[2001:db8:2::1]:1", token, 1))
	})
}

// The number of guesses of all hosts together is bounded.
func TestGuessesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		guess := guesser(t)
		compared := 0
		for i := range 30_000 {
			compared += guess(fmt.Sprintf("203.%d.%d.1:1", i/250, i%250), "guess", 1)
		}
		assert.Less(t, compared, 2560+4*4096)
		assert.Greater(t, compared, 2560)
	})
}
