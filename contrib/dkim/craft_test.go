package dkim_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/canon"
)

// crafted is a signature that the signer of this package would not make.
type crafted struct {
	key  crypto.Signer
	tags string // all but h=, bh= and b=, such as "v=1; a=rsa-sha256; …"
	h    string // From
	body string // what bh= covers, if it is not the message's body
}

// craft returns a message with a signature with these tags at the top. The
// signature is valid, relaxed in header and body.
func craft(t testing.TB, c crafted, header, body string) string {
	t.Helper()
	header, body = crlf(header), crlf(body)
	if c.h == "" {
		c.h = "From"
	}
	covered := body
	if c.body != "" {
		covered = crlf(c.body)
	}
	var canonical bytes.Buffer
	w := canon.Relaxed.NewBody(&canonical)
	_, _ = w.Write([]byte(covered))
	require.NoError(t, w.Close())
	sum := sha256.Sum256(canonical.Bytes())
	value := " " + c.tags + "; h=" + c.h + "; bh=" + base64.StdEncoding.EncodeToString(sum[:]) + "; b="
	var input []byte
	for name := range strings.SplitSeq(c.h, ":") {
		for line := range strings.SplitSeq(header, "\r\n") {
			if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, strings.TrimSpace(name)) {
				input = canon.Relaxed.AppendField(input, n, v)
				break
			}
		}
	}
	input = bytes.TrimSuffix(canon.Relaxed.AppendField(input, "DKIM-Signature", value), []byte("\r\n"))
	digest := sha256.Sum256(input)
	var opts crypto.Hash
	if _, ok := c.key.(*rsa.PrivateKey); ok {
		opts = crypto.SHA256
	}
	signed, err := c.key.Sign(rand.Reader, digest[:], opts)
	require.NoError(t, err)
	return "DKIM-Signature:" + value + base64.StdEncoding.EncodeToString(signed) + "\r\n" + header + "\r\n" + body
}

// weakKey returns a public RSA key of 1023 bits. There is no private key for
// it.
func weakKey() *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 1022)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

func base10(n int64) string { return strconv.FormatInt(n, 10) }
