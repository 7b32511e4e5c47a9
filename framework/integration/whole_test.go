//go:build integration

package integration_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// archivist is a filter that keeps each message as it reads it, by its recipient.
type archivist struct {
	mu  sync.Mutex
	got map[string]string
}

func (*archivist) Name() string { return "archivist" }

func (a *archivist) Register(r *framework.Router) error {
	message, envelope := r.WantMessage(), r.WantEnvelope()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		whole, err := io.ReadAll(message.Reader(s))
		if size := message.Size(s); err == nil && size != int64(len(whole)) {
			err = fmt.Errorf("size %d of %d bytes", size, len(whole))
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.got == nil {
			a.got = make(map[string]string)
		}
		a.got[envelope.Recipients(s)[0]] = string(whole)
		return framework.Continue, err
	})
	return nil
}

// read returns the message to a recipient.
func (a *archivist) read(t *testing.T, to string) string {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Contains(t, a.got, to)
	return a.got[to]
}

// sendAll sends messages and returns the recipients of those that the server accepts.
func sendAll(t *testing.T, mta realmta.MTA, messages map[string]string) map[string]string {
	t.Helper()
	recipients, c := make(map[string]string), dial(t, mta)
	for name, data := range messages {
		to := fmt.Sprintf("m%d@example.test", len(recipients))
		code, text := c.Deliver(realmta.Message{From: "a@example.org", FromArgs: "BODY=8BITMIME", To: []string{to}, Data: []byte(data)})
		if code == 250 {
			recipients[name] = to
			continue
		}
		assert.Greater(t, code, 400, "%s: %s", name, text)
		c.Close()
		c = dial(t, mta)
	}
	c.Close()
	return recipients
}

// TestWholeMessage reads the corpus with WantMessage. The bytes are those that the server
// delivers without a filter, but for its Received field and the kinds of differences that
// the test lists. Each kind occurs.
func TestWholeMessage(t *testing.T) {
	t.Parallel()
	messages := wholeCorpus(t)
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			delivered := make(map[string]string)
			for letter, to := range sendAll(t, mta, messages) {
				delivered[letter] = string(mta.Sink().Await(t, realmta.ToRecipient(to)).WithoutTrace())
			}
			g := openGate(t, mta, "unix")
			mta.SetFilters(t, g.Addr())
			var filter archivist
			serveFilter(t, g, &filter)
			read := make(map[string]string)
			for letter, to := range sendAll(t, mta, messages) {
				read[letter] = filter.read(t, to)
			}
			for letter, l := range wholeLetters() {
				got, accepted := read[letter]
				if want := l.read(name); want == refused {
					assert.False(t, accepted, letter)
				} else {
					assert.Empty(t, firstDifference(want, got), "%s: what is read", letter)
				}
			}
			kinds := differences(name)
			occurred := make([]bool, len(kinds))
			for letter, got := range read {
				assert.Empty(t, firstDifference(evened(kinds, -1, got, delivered[letter])), "%s: read and delivered", letter)
				for i := range kinds {
					a, b := evened(kinds, i, got, delivered[letter])
					occurred[i] = occurred[i] || a != b
				}
			}
			for i, kind := range kinds {
				assert.True(t, occurred[i], "no message shows the difference: %s", kind.name)
			}
			assert.Len(t, read, len(delivered))
		})
	}
}

// evened evens out all kinds of differences but one.
func evened(kinds []difference, except int, read, delivered string) (string, string) {
	for i, kind := range kinds {
		if i != except {
			read, delivered = kind.even(read, delivered)
		}
	}
	return read, delivered
}

// firstDifference shows the first line that differs, or "".
func firstDifference(want, got string) string {
	if want == got {
		return ""
	}
	lines := strings.SplitAfter(got, "\r\n")
	for i, line := range strings.SplitAfter(want, "\r\n") {
		if i >= len(lines) || line != lines[i] {
			return fmt.Sprintf("line %d: %.200q, not %.400q", i, line, strings.Join(lines[min(i, len(lines)):], ""))
		}
	}
	return "the rest is equal"
}
