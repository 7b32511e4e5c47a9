package trial_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

const text = "Authentication-Results: mx.example.org; spf=pass\nFrom: Ann <ann@example.org>\n" +
	"X-Spam: no\nX-Spam: NO\nSubject: hello\n\nHow are you?\n"

// letter returns a message with a text.
func letter(text string) trial.Message {
	return trial.Message{
		Client: netip.MustParseAddr("192.0.2.1"), ClientName: "client.example.org", ClientPort: 54321,
		From: "ann@example.org", Rcpts: []string{"bob@example.net", "<cy@example.net>"}, Text: strings.NewReader(text),
	}
}

// config plays an MTA on the host that the simulation of package miltertest has.
func config(flavor mta.Flavor) trial.Config {
	return trial.Config{MTA: flavor, Hostname: "mx.example.org", Server: framework.Config{Logger: slog.New(slog.DiscardHandler)}}
}

var flavors = []mta.Flavor{mta.Postfix, mta.Sendmail}

func run(t *testing.T, fn register, flavor mta.Flavor, text string) *trial.Result {
	t.Helper()
	result, err := trial.Run(t.Context(), router(fn), config(flavor), letter(text))
	require.NoError(t, err)
	return result
}
