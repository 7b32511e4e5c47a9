// Package operations_test checks what operators expect of a server: bounded
// memory, no leaks, and correct verdicts when connections break. By default the
// tests run with small counts. SLUICE_OPERATIONS=full selects the counts for a
// release.
package operations_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework"
)

func TestMain(m *testing.M) {
	if os.Getenv(crowdChild) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

// scaled returns the count for a quick run or for a full run.
func scaled(quick, full int) int {
	if os.Getenv("SLUICE_OPERATIONS") == "full" {
		return full
	}
	return quick
}

func quiet() framework.Config {
	return framework.Config{Logger: slog.New(slog.DiscardHandler)}
}

func newServer(t *testing.T, r *framework.Router, cfg framework.Config) *framework.Server {
	t.Helper()
	srv, err := framework.NewServer(r, cfg)
	require.NoError(t, err)
	return srv
}

// filter reads the header and the body and edits both.
func filter() *framework.Router {
	r := framework.NewRouter()
	add, replace := r.GrantAddHeader(), r.GrantReplaceBody()
	from := framework.PerMessage[string](r)
	r.OnRcpt(func(_ *framework.Session, rcpt *framework.Rcpt) (framework.Verdict, error) {
		if rcpt.Recipient() == "nobody@example.net" {
			return framework.Reply(550, "5.1.1", "nobody")
		}
		return framework.Continue, nil
	})
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Is("From") {
			*from.Get(s) = h.Value()
		}
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if err := add.Append(s, "X-From", *from.Get(s)); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, replace.Replace(s, []byte("new body\n"))
	})
	return r
}
