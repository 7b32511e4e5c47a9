package dkim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

func FuzzParseRecord(f *testing.F) {
	for _, record := range []string{rsaRecord6376, ed25519Record8463, "v=DKIM1; p=", "k=rsa; h=sha1:sha256; s=*; t=y:s; p=AAAA", "v=DKIM1;;p"} {
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, text string) {
		record, err := dkim.ParseRecord(text)
		if err != nil {
			require.Nil(t, record)
			return
		}
		require.Positive(t, record.Bits)
		_, err = dkim.FormatRecord(record.Public)
		require.NoError(t, err)
	})
}

// FuzzVerify verifies arbitrary input. The results must be safe to display, and
// a field with them must parse again.
func FuzzVerify(f *testing.F) {
	files, err := filepath.Glob("testdata/*.eml")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text), rsaRecord6376)
	}
	f.Add("DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=from; l=99; bh=AA==; b=AA==\nFrom: a\n\nx", "p=")
	f.Fuzz(func(t *testing.T, message, record string) {
		cfg := dkim.Verifying{Resolver: anyName(record), MaxSignatures: 5}
		results, err := dkim.Verify(t.Context(), cfg, strings.NewReader(message))
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(results), 5)
		value := dkim.FormatResults("mx.example.net", results)
		for _, line := range strings.Split(value, "\n")[1:] {
			require.True(t, strings.HasPrefix(line, "\t"), value)
		}
		require.NotContains(t, value, "\r")
		id, parsed, err := authres.Parse(strings.ReplaceAll(value, "\n", "\r\n"))
		require.NoError(t, err, value)
		require.Equal(t, "mx.example.net", id)
		require.Len(t, parsed, len(results), value)
	})
}
