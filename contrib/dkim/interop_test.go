//go:build integration

package dkim_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// messages is the number of messages that are exchanged with each peer in each
// direction.
const messages = 200

// sample is a message to sign.
type sample struct {
	header []mta.Field
	body   string
}

// text returns the message as a file has it.
func (s *sample) text() string {
	var b strings.Builder
	for _, h := range s.header {
		b.WriteString(h.Name + ":" + crlf(h.Value) + "\r\n")
	}
	return b.String() + "\r\n" + s.body
}

// samples generates messages that are hard to sign: with 8-bit text, folds, odd
// white space, empty bodies, no line end at the end, duplicate fields and long
// lines.
func samples(n int) []sample {
	rnd := rand.New(rand.NewPCG(5, 6))
	pick := func(options ...string) string { return options[rnd.IntN(len(options))] }
	all := make([]sample, n)
	for i := range all {
		s := &all[i]
		add := func(name, value string) { s.header = append(s.header, mta.Field{Name: name, Value: value}) }
		add(pick("From", "from", "FROM"), pick(" ann@example.org", " Ann <ann@example.org>", "\n\tAnn\n <ann@example.org>", " \"A, B\"  <ann@example.org>", "ann@example.org"))
		add("Subject", pick(" x", "  two  spaces ", " caf\xe9 \xff", " folded\n\tby tab\n  and space", "", " "+strings.Repeat("long ", 180), " =?utf-8?q?=C3=A9?="))
		add("Date", " Wed, 4 Mar 2026 05:06:07 +0000")
		add("Message-ID", fmt.Sprintf(" <%d@example.org>", i))
		for range rnd.IntN(3) {
			add("To", pick(" bob@example.net", " Bob\n <bob@example.net>", "\tbob@example.net"))
		}
		for range rnd.IntN(3) {
			add("X-Other", pick(" a", " b"))
		}
		for range rnd.IntN(3) {
			add("References", pick(" <a@b>\n\t<c@d>", " <a@b>"))
		}
		if rnd.IntN(2) == 0 {
			add("MIME-Version", " 1.0")
			add("Content-Type", " text/plain;\n\tcharset=iso-8859-1")
		}
		for range rnd.IntN(8) {
			s.body += pick("line\r\n", "\r\n", "  indented\ttabs \t\r\n", " \r\n", "\xe4\xf6\xfc\r\n", "..\r\n", strings.Repeat("x", 5000)+"\r\n", "a  b   c\r\n", "\r\n\r\n")
		}
		if rnd.IntN(5) == 0 {
			s.body += "no line end"
		}
	}
	return all
}

// asMTAsSend returns samples in the form in which an MTA accepts them, with a
// line end at the end. Authors have a form for which OpenDKIM signs.
func asMTAsSend(all []sample) []sample {
	for i := range all {
		s := &all[i]
		if strings.HasSuffix(s.body, "no line end") {
			s.body += "\r\n"
		}
		if from := &s.header[0]; strings.HasPrefix(from.Value, "\n") || strings.Contains(from.Value, ",") {
			from.Value = "  Ann <ann@example.org>"
		}
	}
	return all
}

var pairs = []struct {
	header, body dkim.Canonicalization
	name         string
}{
	{dkim.Relaxed, dkim.Relaxed, "relaxed/relaxed"},
	{dkim.Relaxed, dkim.Simple, "relaxed/simple"},
	{dkim.Simple, dkim.Relaxed, "simple/relaxed"},
	{dkim.Simple, dkim.Simple, "simple/simple"},
}

// peerKeys are the keys of these tests, in files in the formats of the peers.
type peerKeys struct {
	keys    []dkim.Key
	files   []string // PEM
	seed    string   // the Ed25519 key as dkimpy wants it
	zone    zone
	records string
	dir     string
}

func newPeerKeys(t *testing.T) *peerKeys {
	t.Helper()
	p := &peerKeys{dir: t.TempDir(), keys: []dkim.Key{key(t, "example.org", "r", "rsa"), key(t, "example.org", "e", "ed25519")}}
	p.zone = publish(t, p.keys...)
	var records strings.Builder
	for name, texts := range p.zone {
		records.WriteString(name + " " + texts[0] + "\n")
	}
	p.records = p.write(t, "records", records.String())
	for _, k := range p.keys {
		path := filepath.Join(p.dir, k.Selector+".pem")
		require.NoError(t, dkim.SaveKey(path, k.Signer))
		p.files = append(p.files, path)
	}
	private, ok := p.keys[1].Signer.(ed25519.PrivateKey)
	require.True(t, ok)
	p.seed = p.write(t, "seed", base64.StdEncoding.EncodeToString(private.Seed()))
	return p
}

func (p *peerKeys) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// sign returns a message with our signatures, one for each algorithm.
func (p *peerKeys) sign(t *testing.T, i int, s *sample) string {
	t.Helper()
	cfg := forExample(p.keys...)
	cfg.Header, cfg.Body = pairs[i%4].header, pairs[i%4].body
	fields, err := dkim.Sign(cfg, strings.NewReader(s.text()))
	require.NoError(t, err)
	return strings.Join(fields, "") + s.text()
}

// python runs dkimpy on the messages in a directory.
func (p *peerKeys) python(t *testing.T, what string) string {
	t.Helper()
	out, err := exec.Command("/usr/bin/python3", "testdata/peer.py", what, filepath.Join(p.dir, what), p.records).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestDkimpyVerifies(t *testing.T) {
	t.Parallel()
	p := newPeerKeys(t)
	all := samples(messages)
	for i := range all {
		p.write(t, fmt.Sprintf("verify/%03d.eml", i), p.sign(t, i, &all[i]))
	}
	lines := strings.Split(strings.TrimSpace(p.python(t, "verify")), "\n")
	require.Len(t, lines, messages)
	for i, line := range lines {
		assert.Equal(t, fmt.Sprintf("%03d.eml pass pass", i), line, "%s %q", pairs[i%4].name, all[i].text())
	}
}

func TestWeVerifyDkimpy(t *testing.T) {
	t.Parallel()
	p := newPeerKeys(t)
	all := samples(messages)
	for i := range all {
		name := fmt.Sprintf("sign/%03d.", i)
		algorithm, selector, file := "rsa-sha256", "r", p.files[0]
		if i/4%2 == 1 {
			algorithm, selector, file = "ed25519-sha256", "e", p.seed
		}
		length := "whole"
		if i/8%4 == 0 {
			length = "length"
		}
		p.write(t, name+"eml", all[i].text())
		p.write(t, name+"how", strings.Join([]string{"example.org", selector, file, algorithm, strings.ReplaceAll(pairs[i%4].name, "/", " "), length}, " "))
	}
	p.python(t, "sign")
	for i := range all {
		signed, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf("sign/%03d.signed", i)))
		require.NoError(t, err)
		results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: p.zone}, bytes.NewReader(signed))
		require.NoError(t, err)
		assert.Equal(t, []string{"pass example.org"}, describe(results), string(signed))
	}
}

// openDKIM starts an OpenDKIM and returns a connection to it.
func (p *peerKeys) openDKIM(t *testing.T, name string, settings ...string) *mta.Conn {
	t.Helper()
	return p.openDKIMAt(t, filepath.Join(p.dir, name+".sock"), settings...)
}

// openDKIMAt starts an OpenDKIM on a socket with this path, which all users can
// access.
func (p *peerKeys) openDKIMAt(t *testing.T, socket string, settings ...string) *mta.Conn {
	t.Helper()
	conf := append([]string{
		"Socket local:" + socket, "UMask 000", "AuthservID od.example.net", "RequireSafeKeys no", "Syslog no",
		"TestDNSData file:" + p.records, "InternalHosts 127.0.0.1", "Background no", "AutoRestart no",
	}, settings...)
	path := p.write(t, filepath.Base(socket)+".conf", strings.Join(conf, "\n")+"\n")
	cmd := exec.Command("/usr/sbin/opendkim", "-f", "-x", path)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
		require.True(t, time.Now().Before(end), "%v", err)
	}
}

// through sends a message through a filter as an MTA does.
func through(t *testing.T, conn *mta.Conn, addr string, header []mta.Field, body string) *mta.Message {
	t.Helper()
	out, err := conn.Send(t.Context(), &mta.Message{
		Client: mta.Client{Host: "client.example.net", Addr: addr}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}},
		Header: header, Body: []byte(body),
	})
	require.NoError(t, err)
	require.NotNil(t, out.Edited, "%v", out.Verdict)
	return out.Edited
}

func TestOpenDKIMVerifies(t *testing.T) {
	t.Parallel()
	p := newPeerKeys(t)
	verifier := p.openDKIM(t, "verify", "Mode v", "AlwaysAddARHeader yes")
	all := asMTAsSend(samples(messages))
	for i := range all {
		cfg := forExample(p.keys...)
		cfg.Header, cfg.Body = pairs[i%4].header, pairs[i%4].body
		msg := &mta.Message{Client: mta.Client{Host: "localhost", Addr: "127.0.0.1"}, Header: all[i].header, Body: []byte(all[i].body)}
		res := miltertest.Run(t, signer(t, cfg), msg, quiet())
		require.NotNil(t, res.Edited)
		seen := through(t, verifier, "192.0.2.1", res.Edited.Header, string(res.Edited.Body))
		require.Equal(t, "Authentication-Results", seen.Header[0].Name)
		assert.Equal(t, 2, strings.Count(seen.Header[0].Value, "dkim=pass"), "%s %s\n%q", pairs[i%4].name, seen.Header[0].Value, all[i].text())
	}
}

func TestWeVerifyOpenDKIM(t *testing.T) {
	t.Parallel()
	p := newPeerKeys(t)
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: p.zone, AuthservID: "mx"}})
	require.NoError(t, err)
	all := asMTAsSend(samples(messages))
	for n, algorithm := range []string{"rsa-sha256", "ed25519-sha256"} {
		for c, pair := range pairs {
			peer := p.openDKIM(t, fmt.Sprintf("sign%d%d", n, c), "Mode s", "Domain example.org", "Selector "+p.keys[n].Selector, "KeyFile "+p.files[n],
				"SignatureAlgorithm "+algorithm, "Canonicalization "+pair.name, "OversignHeaders From,Subject")
			ours := miltertest.NewServer(t, f, quiet()).Dial(t)
			for i := n*4 + c; i < messages; i += 8 {
				signed := through(t, peer, "127.0.0.1", all[i].header, all[i].body)
				res := ours.Run(t, &mta.Message{Header: signed.Header, Body: signed.Body})
				value := res.Header("Authentication-Results")
				assert.Contains(t, value, "header.a="+algorithm)
				// This OpenDKIM cannot verify one of the two
				// algorithms. For that algorithm, another
				// implementation verifies our signature.
				want := "dkim=pass"
				if s := (&sample{signed.Header, string(signed.Body)}); n == 1 && pair.header == dkim.Simple && !valid(t, p.zone, s.text()) {
					want = "dkim=fail"
				}
				assert.Contains(t, value, want, "%s %s %s", algorithm, pair.name, delivered(t, res))
			}
		}
	}
}

// valid reports whether another implementation verifies the only signature of a
// message.
func valid(t *testing.T, z zone, message string) bool {
	t.Helper()
	results, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return z.LookupTXT(t.Context(), name) },
	})
	require.NoError(t, err)
	require.Len(t, results, 1)
	return results[0].Err == nil
}

// TestPeersOnASecondFrom shows what others make of a second From field that a
// signature does not cover: dkimpy refuses the signature, as this package does, and
// OpenDKIM accepts it.
func TestPeersOnASecondFrom(t *testing.T) {
	t.Parallel()
	p := newPeerKeys(t)
	cfg := forExample(p.keys[0])
	cfg.Oversign = []string{}
	message := crlf(fromAnn + "Date: Wed, 4 Mar 2026 05:06:07 +0000\n\nx\n")
	fields, err := dkim.Sign(cfg, strings.NewReader(message))
	require.NoError(t, err)
	const second = "From: eve@example.net\r\n"
	signed := fields[0] + message

	assert.Equal(t, []string{"pass example.org"}, verify(t, dkim.Verifying{Resolver: p.zone}, signed))
	assert.Equal(t, []string{"policy example.org a From field is not signed"}, verify(t, dkim.Verifying{Resolver: p.zone}, second+signed))

	p.write(t, "verify/0.eml", signed)
	p.write(t, "verify/1.eml", second+signed)
	assert.Equal(t, "0.eml pass\n1.eml fail\n", p.python(t, "verify"))

	verifier := p.openDKIM(t, "second", "Mode v", "AlwaysAddARHeader yes")
	header, _, _ := strings.Cut(second+signed, "\r\n\r\n")
	seen := through(t, verifier, "192.0.2.1", fieldsOf(header), "x\r\n")
	assert.Contains(t, seen.Header[0].Value, "dkim=pass")
}

// fieldsOf splits a header into its fields, as an MTA sends them.
func fieldsOf(header string) (fields []mta.Field) {
	for line := range strings.SplitSeq(header, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, " ") {
			fields = append(fields, mta.Field{Name: name, Value: value})
		} else {
			fields[len(fields)-1].Value += "\n" + line
		}
	}
	return fields
}
