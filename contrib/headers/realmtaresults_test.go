//go:build integration

package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestStripAuthResultsBehindMTAs removes forged fields in many spellings.
func TestStripAuthResultsBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			b.use(t, parsed(t, "rules: [{do: [{strip_auth_results: mx.example.org}]}]"))
			code, text, got := b.send(t, session{from: "a@example.org", args: "BODY=8BITMIME"}, ourResults+foreignResults+"From: a@example.org\n\nbody\n")
			require.Equal(t, 250, code, text)
			assert.Equal(t, foreignResults+"From: a@example.org\n\nbody\n", strings.ReplaceAll(got, "\r\n", "\n"))
		})
	}
}

// TestInsertPlacesBehindMTAs runs the table of TestInsertPlaces behind real MTAs. The
// first Received of a delivered message is the MTA's own.
func TestInsertPlacesBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for do, want := range places() {
				b.use(t, parsed(t, "rules: [{do: ["+do+"]}]"))
				c := realmta.DialSMTP(t, b.mta.Addr())
				c.Cmd("EHLO client.example.test")
				b.messages++
				to := "p" + strings.Repeat("x", b.messages) + "@example.test"
				code, text := c.Deliver(realmta.Message{From: "a@example.org", To: []string{to}, Data: []byte("Received: r\r\nA: 1\r\nB: 2\r\na: 3\r\nC: 4\r\n\r\nbody\r\n")})
				require.Equal(t, 250, code, text)
				c.Close()
				header, _, _ := strings.Cut(string(b.mta.Sink().Await(t, realmta.ToRecipient(to)).Data), "\r\n\r\n")
				var names []string
				for line := range strings.SplitSeq(header, "\r\n") {
					if name, _, ok := strings.Cut(line, ":"); ok && !strings.ContainsAny(name, " \t") {
						names = append(names, name)
					}
				}
				got := strings.Replace(strings.Join(names, " "), "Received", "Own", 1)
				assert.Equal(t, want, got, "%s\n%s", do, header)
			}
		})
	}
}

// TestResultsInEveryOrderBehindMTAs runs the filters of TestResultsInEveryOrder behind real
// MTAs.
func TestResultsInEveryOrderBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			letters, key := resultsLetters(t)
			filters := resultsFilters(t, key)
			for _, order := range orders() {
				var list []framework.Filter
				for _, name := range order {
					list = append(list, filters[name])
				}
				b.use(t, list...)
				for kind, letter := range letters {
					code, text, got := b.send(t, session{from: "a@example.org", args: "BODY=8BITMIME"}, letter.text())
					require.Equal(t, 250, code, text)
					header, body, _ := strings.Cut(strings.ReplaceAll(got, "\r\n", "\n"), "\n\n")
					letter.check(t, fmt.Sprint(kind, " behind ", name, " ", order), order, header+"\n")
					assert.Equal(t, letter.body, body)
				}
			}
		})
	}
}
