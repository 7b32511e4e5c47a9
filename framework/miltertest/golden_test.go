package miltertest_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

var update = flag.Bool("update", false, "write the golden files anew")

func assertGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	refuser := miltertest.FilterFunc("refuser", func(r *framework.Router) error {
		queueID := r.WantMacro(framework.StageEndOfMessage, "i")
		r.OnRcpt(func(_ *session, rcpt *framework.Rcpt) (framework.Verdict, error) {
			if rcpt.Recipient() == "gone@example.net" {
				return framework.Reply(550, "5.1.1", "100% gone")
			}
			return framework.Continue, nil
		})
		r.ObserveHeader(func(*session, *framework.Header) error { return nil })
		r.OnBody(func(*session, *framework.Body) (framework.Verdict, error) { return framework.SkipBody, nil })
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
			id, _ := queueID.Value(s)
			return framework.Reply(451, "4.7.1", "greylisted "+id)
		})
		return nil
	})
	msg := miltertest.Message("Subject: hello\nX-Folded: a\n\tb\n\nHow are you?\n",
		miltertest.To("gone@example.net", "bob@example.net"), miltertest.QueueID("4ABC"))
	tests := []struct {
		name   string
		filter framework.Filter
		mta    mta.Config
	}{
		{"editor", editor(), mta.Config{}},
		{"refuser", refuser, mta.Config{}},
		{"refuser-version-2", refuser, mta.Config{Offer: mta.PostfixOffer(2)}},
		{"refuser-sendmail", refuser, mta.Config{Flavor: mta.Sendmail}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, tc.filter, msg, miltertest.MTA(tc.mta))
			assertGolden(t, tc.name, res.Transcript)
		})
	}
}
