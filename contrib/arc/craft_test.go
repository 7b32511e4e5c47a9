package arc_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/canon"
)

// crafted is a first set that the sealer of this package would not make. Its signatures are
// valid.
type crafted struct {
	key     crypto.Signer
	results string // the whole value, or a usual one
	message string // more tags of the ARC-Message-Signature, each with a semicolon behind it
	seal    string // more tags of the ARC-Seal
	method  string // a=, or rsa-sha256
	covered string // what bh= covers, if it is not the whole body
}

// craft returns a message with the set at its top.
func craft(t testing.TB, c crafted, message string) string {
	t.Helper()
	if c.results == "" {
		c.results = "i=1; mx.one.example; arc=none"
	}
	if c.method == "" {
		c.method = "rsa-sha256"
	}
	header, body, _ := strings.Cut(message, "\r\n\r\n")
	if c.covered == "" {
		c.covered = body
	}
	var canonical bytes.Buffer
	w := canon.Relaxed.NewBody(&canonical)
	_, err := w.Write([]byte(c.covered))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	sum := sha256.Sum256(canonical.Bytes())
	common := "i=1; a=" + c.method + "; d=one.example; s=arc; "

	var from []byte
	for line := range strings.SplitSeq(header, "\r\n") {
		if value, ok := strings.CutPrefix(line, "From:"); ok {
			from = canon.Relaxed.AppendField(nil, "From", value)
		}
	}
	ams := common + c.message + "c=relaxed/relaxed; h=from; bh=" + base64.StdEncoding.EncodeToString(sum[:]) + "; b="
	ams += c.sign(t, canon.Relaxed.AppendField(from, "ARC-Message-Signature", ams))
	sets := canon.Relaxed.AppendField(nil, "ARC-Authentication-Results", c.results)
	sets = canon.Relaxed.AppendField(sets, "ARC-Message-Signature", ams)
	seal := common + c.seal + "cv=none; b="
	seal += c.sign(t, canon.Relaxed.AppendField(sets, "ARC-Seal", seal))
	return "ARC-Seal: " + seal + "\r\nARC-Message-Signature: " + ams + "\r\nARC-Authentication-Results: " + c.results + "\r\n" + message
}

// sign returns the signature of fields, without the end of the last line.
func (c *crafted) sign(t testing.TB, input []byte) string {
	t.Helper()
	digest := sha256.Sum256(bytes.TrimSuffix(input, []byte("\r\n")))
	var opts crypto.Hash
	if _, ok := c.key.(*rsa.PrivateKey); ok {
		opts = crypto.SHA256
	}
	data, err := c.key.Sign(rand.Reader, digest[:], opts)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(data)
}
