package dkim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// The keys of RFC 6376 appendix C and of RFC 8463 appendix A.2.
const (
	rsaRecord6376 = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt" +
		"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb" +
		"to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
	rsaRecord8463 = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bd" +
		"OKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLz" +
		"BfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
	ed25519Record8463 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

func rfcZone() zone {
	return zone{
		"brisbane._domainkey.example.com":          {rsaRecord6376},
		"brisbane._domainkey.football.example.com": {ed25519Record8463},
		"test._domainkey.football.example.com":     {rsaRecord8463},
	}
}

func TestExamplesOfTheRFCs(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"rfc6376-appendix-a.eml": {"pass example.com"},
		"rfc8463-appendix-a.eml": {"pass football.example.com", "pass football.example.com"},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", name))
			require.NoError(t, err)
			cfg := dkim.Verifying{Resolver: rfcZone()}
			results, err := dkim.Verify(t.Context(), cfg, strings.NewReader(string(text)))
			require.NoError(t, err)
			assert.Equal(t, want, describe(results))

			results, err = dkim.Verify(t.Context(), cfg, strings.NewReader(strings.Replace(string(text), "hungry", "angry", 1)))
			require.NoError(t, err)
			for _, r := range results {
				assert.Equal(t, dkim.StatusFail, r.Status)
				assert.Equal(t, "body hash did not verify", r.Reason)
			}
			results, err = dkim.Verify(t.Context(), cfg, strings.NewReader(strings.Replace(string(text), "dinner", "supper", 1)))
			require.NoError(t, err)
			for _, r := range results {
				assert.Equal(t, dkim.StatusFail, r.Status)
				assert.Equal(t, "signature did not verify", r.Reason)
			}
		})
	}
}
