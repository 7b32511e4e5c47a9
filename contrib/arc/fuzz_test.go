package arc_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
)

// anyName is a DNS with the same record under every name.
type anyName string

func (a anyName) LookupTXT(context.Context, string) ([]string, error) {
	return []string{string(a)}, nil
}

// FuzzVerify verifies arbitrary messages. The result can be written, and the sealer either refuses
// the message, or makes of it one whose newest set is its own.
func FuzzVerify(f *testing.F) {
	for _, message := range []string{letter, sealed(f, 1, letter), sealed(f, 3, letter), change(f, sealed(f, 2, letter), "hello", "help")} {
		f.Add(message)
	}
	f.Add("ARC-Seal: i=50; cv=none\nFrom: a\n\n")
	f.Add("ARC-Seal : i=1; a=rsa-sha256; d=x.example; s=x; cv=fail; b=AA==\nFrom: a\n\n")
	f.Add("ARC-Authentication-Results: (\\ i=1; x; none\n\n")
	record := published(f, "one.example")["arc._domainkey.one.example"][0]
	cfg := hop(f, "example.net")
	f.Fuzz(func(t *testing.T, message string) {
		v := arc.VerifierConfig{Resolver: anyName(record), Now: clock}
		r, err := arc.Verify(t.Context(), v, strings.NewReader(message))
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(r.Sets), arc.MaxInstances)
		require.LessOrEqual(t, r.OldestPass, r.Instances)
		require.Equal(t, r.Status == arc.Fail, r.Reason != "")
		_, err = authres.Format(authres.Field{ID: "mx.example.net", Results: []authres.Result{r.Authres(netip.MustParseAddr("192.0.2.1"))}})
		require.NoError(t, err)

		fields, err := arc.Seal(cfg, r, strings.NewReader(message))
		if err != nil {
			require.ErrorIs(t, err, arc.ErrNotSealed)
			return
		}
		require.Len(t, fields, 3)
		next, err := arc.Verify(t.Context(), v, strings.NewReader(strings.Join(fields, "")+message))
		require.NoError(t, err)
		require.Equal(t, r.Instances+1, next.Instances)
		if r.Status != arc.Fail {
			require.Equal(t, arc.Pass, next.Status, "%s\n%q", next.Reason, message)
		}
	})
}

// FuzzResults verifies chains whose first ARC-Authentication-Results is arbitrary. Its results are
// what authres reads, and what the seal of the next host says about them stays one field.
func FuzzResults(f *testing.F) {
	for _, value := range []string{"i=1; mx; none", " i = 01 (c) ; mx; arc=none;\n spf=pass", "i=1;", "i=1", "mx; i=1", "(i=1;", "i=1; \"a;b\"; x=y", "i=1; mx; a=b (\\))"} {
		f.Add(value)
	}
	z := published(f, domains...)
	key := private(f, "rsa")
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsAny(value, "\r\n") || value == "" {
			return // the end of the field
		}
		message := craft(t, crafted{key: key, results: value}, letter)
		r := verify(t, z, message)
		if r.Status != arc.Pass {
			require.Contains(t, r.Reason, "ARC-Authentication-Results", "%q", value)
			return
		}
		_, payload, _ := strings.Cut(value, ";")
		want, err := authres.Parse(payload)
		if !strings.Contains(value, "(") { // a comment may hold a semicolon
			require.Equal(t, want, r.Sets[0].Results)
			require.Equal(t, err == nil, r.Sets[0].ResultsError == nil)
		}
		require.Equal(t, arc.Pass, verify(t, z, sealBy(t, z, "two.example", message)).Status)
	})
}
