package maddy_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// zone is a DNS zone of TXT records, by name without the trailing dot.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	texts, ok := z[strings.TrimSuffix(name, ".")]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return texts, nil
}

// keys returns an RSA and an Ed25519 key of example.org, and the zone that publishes them.
func keys(t *testing.T) ([]dkim.Key, zone) {
	t.Helper()
	list, z := []dkim.Key{}, zone{}
	for _, kind := range []string{"rsa", "ed25519"} {
		signer, err := dkim.GenerateKey(kind, dkim.DefaultBits)
		require.NoError(t, err)
		record, err := dkim.FormatRecord(signer.Public())
		require.NoError(t, err)
		list = append(list, dkim.Key{Domain: "example.org", Selector: kind, Signer: signer})
		z[dkim.RecordName(kind, "example.org")] = []string{record}
	}
	return list, z
}

// dkimpy verifies messages with dkimpy. It returns a line for each message, with the
// result of each signature.
func dkimpy(t *testing.T, z zone, messages ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var records strings.Builder
	for name, texts := range z {
		records.WriteString(name + " " + texts[0] + "\n")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "records"), []byte(records.String()), 0o600))
	for i, message := range messages {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.eml", i)), []byte(message), 0o600))
	}
	const script = "../../../contrib/dkim/testdata/peer.py"
	out, err := exec.Command("/usr/bin/python3", script, "verify", dir, filepath.Join(dir, "records")).CombinedOutput()
	require.NoError(t, err, string(out))
	var results []string
	for line := range strings.Lines(string(out)) {
		_, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		results = append(results, result)
	}
	return results
}

// letters are messages that Maddy shows to filters in another form than they have, and
// passes on unchanged.
func letters() []string {
	const from = "From: Ann <ann@example.org>\n"
	return []string{
		from + "Subject: hello\n\nbody\n",
		from + "MIME-Version: 1.0\nMessage-ID:<x@example.org>\nSubject:  two  spaces\n\tand a fold \n \n again\nTo: bob@example.test,\n eve@example.test\n\nbody\n",
		"FROM:ann@example.org\nSubject: Gr\xfc\xdfe\nX-Empty:\n\nGr\xfc\xdfe  \n.\n..dots\n\n\n",
		from + "Subject: no body\n\n",
		from + "\n" + strings.Repeat(strings.Repeat("x", 70)+"  \n", 3000),
	}
}

// TestSigning signs with an RSA and an Ed25519 key behind Maddy, and lets dkimpy verify
// what arrives. Maddy shows fields unfolded, with their names in another case, so the
// filter cannot know what the canonicalization "simple" of the header would have signed. It
// signs with "relaxed" then.
func TestSigning(t *testing.T) {
	t.Parallel()
	b := newBehind(t)
	list, z := keys(t)
	for header, name := range []string{"relaxed", "simple"} {
		for body := range 2 {
			f, err := dkim.NewSigner(dkim.Config{
				Trust: dkim.Trust{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
				Signing: dkim.Signing{
					Rules:  []dkim.Rule{{Senders: []string{"example.org"}, Keys: list}},
					Header: dkim.Canonicalization(header), Body: dkim.Canonicalization(body),
				},
			})
			require.NoError(t, err)
			log := b.use(t, f)
			var delivered []string
			for i, message := range letters() {
				code, text, got := b.send(t, fmt.Sprintf("m%d%d%d@example.test", header, body, i), message)
				require.Equal(t, 250, code, text)
				require.True(t, strings.HasSuffix(got, crlf(message)), "Maddy passes the message on as it is")
				assert.Contains(t, got, "c=relaxed/"+[]string{"relaxed", "simple"}[body])
				delivered = append(delivered, got)
			}
			for i, result := range dkimpy(t, z, delivered...) {
				assert.Equal(t, "pass pass", result, "%s, %d\n%s", name, body, delivered[i])
			}
			assert.Equal(t, header == 1, log.Count("relaxed") > 0, "the filter says so: %s", log)
		}
	}
}
