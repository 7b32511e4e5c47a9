//go:build integration

package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestOddBytes uses each byte that a value may contain: alone, between others,
// and at the start and the end of a value. The values are appended, inserted,
// and set in place of another value. All of them are delivered unchanged.
func TestOddBytes(t *testing.T) {
	t.Parallel()
	var values []string
	for b := 1; b < 256; b++ {
		if c := string([]byte{byte(b)}); c != "\r" && c != "\n" {
			values = append(values, c, "a"+c+"b", c+"b", "a"+c)
		}
	}
	var message strings.Builder
	for i := range values {
		fmt.Fprintf(&message, "X-C%d: old\r\n", i)
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "unix")
			r := framework.NewRouter()
			r.Mount(registers{"odd", func(r *framework.Router) func(*framework.Session) error {
				list, add, change := r.WantHeaders(), r.GrantAddHeader(), r.GrantChangeHeader()
				return func(s *framework.Session) error {
					var do errands
					for f := range list.All(s) {
						var i int
						_, err := fmt.Sscanf(f.Name, "X-C%d", &i)
						do.err(err)
						do.err(change.Change(s, f.Handle, values[i]))
						do.err(add.Append(s, fmt.Sprintf("X-A%d", i), values[i]))
						do.err(add.InsertTop(s, fmt.Sprintf("X-I%d", i), values[i]))
					}
					return do.first
				}
			}})
			g.serve(t, r)
			got := delivered(t, mta, realmta.Message{
				From: "a@example.org", FromArgs: "BODY=8BITMIME", To: []string{"b@example.test"}, Data: []byte(message.String() + "\r\nbody\r\n"),
			})
			var missing []string
			for i, value := range values {
				for _, field := range []string{"X-C", "X-A", "X-I"} {
					if want := fmt.Sprintf("\r\n%s%d: %s\r\n", field, i, value); !strings.Contains("\r\n"+string(got.Data), want) {
						missing = append(missing, want)
					}
				}
			}
			assert.Empty(t, missing)
			assert.True(t, strings.HasSuffix(string(got.Data), "\r\n\r\nbody\r\n"))
		})
	}
}
