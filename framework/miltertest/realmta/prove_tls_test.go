//go:build integration

package realmta_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveTLSMacros shows at which stages the servers send macros of TLS, by
// default and if a filter requests them for every stage. Postfix keeps them to itself
// from the header on. No version knows {tls_sni}.
func TestProveTLSMacros(t *testing.T) {
	t.Parallel()
	const requested = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer} {cn_subject} {verify} {tls_sni}"
	all := macroLists(requested, wire.MacroConnect, wire.MacroHelo, wire.MacroEnvFrom, wire.MacroEnvRcpt, wire.MacroData,
		wire.MacroEOM, wire.MacroEOH)
	const three = "{tls_version} {cipher} {cipher_bits}"
	const five = three + " {cert_subject} {cert_issuer}"
	const seven = five + " {cn_subject} {verify}"
	tests := []struct {
		name              string
		lists             []wire.MacroList
		postfix, sendmail map[string]string
	}{
		{"default", nil, map[string]string{"HELO": three}, map[string]string{"HELO": five}},
		{
			"requested", all,
			map[string]string{"HELO": three, "MAIL": three, "RCPT": three, "DATA": three},
			map[string]string{"HELO": seven, "MAIL": seven, "RCPT": seven, "DATA": seven, "EOH": seven, "BODYEOB": seven},
		},
	}
	for name, start := range tlsServers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				want := map[string]map[string]string{"postfix": tt.postfix, "sendmail": tt.sendmail}[name]
				lines := encrypted(t, mta, milter{actions: wire.ActionSetSymList, macros: tt.lists})
				assert.Equal(t, want, namesOf(lines, requested), tt.name)
			}
		})
	}
}

// namesOf returns, by the command, which of the given macros the server sent last.
func namesOf(lines []string, given string) map[string]string {
	names := map[string]string{}
	for _, line := range lines {
		macros, ok := strings.CutPrefix(line, "MTA SMFIC_MACRO for SMFIC_")
		if !ok {
			continue
		}
		command, values, _ := strings.Cut(macros, " ")
		var found []string
		for name := range strings.FieldsSeq(given) {
			if strings.Contains(" "+values, " "+name+"=") {
				found = append(found, name)
			}
		}
		if len(found) > 0 {
			names[command] = strings.Join(found, " ")
		}
	}
	return names
}

// encrypted sends a message over TLS, and returns the traffic between the MTA and
// the milter.
func encrypted(t *testing.T, mta realmta.MTA, m milter) []string {
	t.Helper()
	tr := m.start(t, mta)
	c := dial(t, mta.Addr())
	require.NoError(t, c.StartTLS(&tls.Config{ServerName: realmta.Hostname, InsecureSkipVerify: true}))
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	code, text = c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "encrypted"))
	require.Equal(t, 250, code, text)
	_, _ = c.Cmd("QUIT")
	return tr.lines(t)
}

// tlsServers returns, by the name of each server, a function that starts it with a
// certificate.
func tlsServers(t *testing.T) map[string]func(testing.TB) realmta.MTA {
	t.Helper()
	cert, key := certificate(t)
	return map[string]func(testing.TB) realmta.MTA{
		"postfix": func(t testing.TB) realmta.MTA {
			t.Helper()
			return realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
				"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": cert, "smtpd_tls_key_file": key,
			}})
		},
		"sendmail": func(t testing.TB) realmta.MTA {
			t.Helper()
			return realmta.StartSendmail(t, realmta.SendmailConfig{MC: []string{
				"define(`confSERVER_CERT', `" + cert + "')", "define(`confSERVER_KEY', `" + key + "')",
				"define(`confCACERT', `" + cert + "')", "define(`confCACERT_PATH', `" + filepath.Dir(cert) + "')",
			}})
		},
	}
}

// certificate writes a certificate that signs itself, and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: realmta.Hostname}, DNSNames: []string{realmta.Hostname},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	assert.FileExists(t, key)
	return cert, key
}
